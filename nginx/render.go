package nginx

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"strings"
	"text/template"
)

//go:embed nginx.conf.tmpl
var confText string

var conf = template.Must(template.New("nginx.conf").Option("missingkey=error").Parse(confText))

// Render writes the complete nginx.conf for t. It checks t first, and writes nothing if t is wrong.
func Render(w io.Writer, t Topology) error {
	t = t.withDefaults()
	if err := t.Validate(); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := conf.Execute(&b, t); err != nil {
		return fmt.Errorf("render nginx.conf: %w", err)
	}
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("write nginx.conf: %w", err)
	}
	return nil
}

// ListenOn is Listen as nginx wants it: ":8080" becomes "*:8080".
func (t Topology) ListenOn() string {
	if strings.HasPrefix(t.Listen, ":") {
		return "*" + t.Listen
	}
	return t.Listen
}
