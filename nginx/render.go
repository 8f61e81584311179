package nginx

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"path"
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
	if err := conf.Execute(&b, page{t, articles[t.Lang], v1, tooLarge}); err != nil {
		return fmt.Errorf("render nginx.conf: %w", err)
	}
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("write nginx.conf: %w", err)
	}
	return nil
}

// page is what the template speaks of.
type page struct {
	Topology
	Article, V1 voice
	TooLarge    answer
}

// Idle is how many idle connections to edges a worker keeps.
func (t Topology) Idle() int {
	if t.Keepalive == nil {
		return defaultKeepalive
	}
	return *t.Keepalive
}

// GateRoot is where nginx looks for flags, with a slash at its end; empty: nowhere.
func (t Topology) GateRoot() string {
	if t.GateDir == "" {
		return ""
	}
	return path.Clean(t.GateDir) + "/"
}

// ListenOn is Listen as nginx wants it: ":8080" becomes "*:8080".
func (t Topology) ListenOn() string {
	if strings.HasPrefix(t.Listen, ":") {
		return "*" + t.Listen
	}
	return t.Listen
}
