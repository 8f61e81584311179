package nginx

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/template"
)

//go:embed nginx.conf.tmpl
var confText string

var conf = template.Must(template.New("nginx.conf").Option("missingkey=error").Parse(confText))

// Render is RenderFor an nginx of unknown version.
func Render(w io.Writer, t Topology) error { return RenderFor(w, t, "") }

// newHTTP2 is the first nginx with a directive for HTTP/2. Older versions do not know the directive, and newer ones warn of the
// old form. An unknown version gets the old form, which all take.
var newHTTP2 = [3]int{1, 25, 1}

// oldHTTP2 says whether a version, as nginx -v prints it, needs the old form.
func oldHTTP2(version string) bool {
	var v [3]int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2]); n < len(v) {
		return true
	}
	return slices.Compare(v[:], newHTTP2[:]) < 0
}

// RenderFor writes the complete nginx.conf for t and an nginx of this version ("1.26.0"). It checks t first. If t is wrong, it
// writes nothing.
func RenderFor(w io.Writer, t Topology, version string) error {
	t = t.withDefaults()
	if err := t.Validate(); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := conf.Execute(&b, page{t, articles[t.Lang], v1, tooLarge, oldHTTP2(version)}); err != nil {
		return fmt.Errorf("render nginx.conf: %w", err)
	}
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("write nginx.conf: %w", err)
	}
	return nil
}

// page is the template's data.
type page struct {
	Topology
	Article, V1 format
	TooLarge    answer
	OldHTTP2    bool // HTTP/2 as a word of `listen`
}

// StatusPath is the constant.
func (page) StatusPath() string { return StatusPath }

// Idle is how many idle connections to edges a worker keeps.
func (t Topology) Idle() int {
	if t.Keepalive == nil {
		return defaultKeepalive
	}
	return *t.Keepalive
}

// GateRoot is the directory in which nginx looks for flags, with a slash at its end; empty: there is none.
func (t Topology) GateRoot() string {
	if t.GateDir == "" {
		return ""
	}
	return path.Clean(t.GateDir) + "/"
}

// ListenOn is Listen in nginx's form: ":8080" becomes "*:8080".
func (t Topology) ListenOn() string {
	if strings.HasPrefix(t.Listen, ":") {
		return "*" + t.Listen
	}
	return t.Listen
}
