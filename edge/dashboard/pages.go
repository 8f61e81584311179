package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed web/dist
var dist embed.FS

// asset is a file of the page.
type asset struct {
	kind, etag  string
	text, small []byte // small: gzipped; nil if that is not smaller
}

// assets are the files of the page, by their paths in web/dist. They are made when the first of them is asked for.
var assets = sync.OnceValue(func() map[string]asset {
	all := map[string]asset{}
	_ = fs.WalkDir(dist, "web/dist", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			text, _ := dist.ReadFile(name) // it is in the binary
			all[strings.TrimPrefix(name, "web/dist/")] = newAsset(name, text)
		}
		return err
	})
	return all
})

func newAsset(name string, text []byte) asset {
	kind := mime.TypeByExtension(path.Ext(name))
	if known, is := kinds[path.Ext(name)]; is {
		kind = known // a machine's own table may say something else
	}
	a := asset{kind: kind, text: text, etag: fmt.Sprintf(`"%x"`, sha256.Sum256(text))[:18] + `"`}
	var small bytes.Buffer
	z, _ := gzip.NewWriterLevel(&small, gzip.BestCompression) // the level is one of gzip's
	_, _ = z.Write(text)
	_ = z.Close()
	if small.Len() < len(text) {
		a.small = small.Bytes()
	}
	return a
}

var kinds = map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".json": "application/json"}

// policy is what the page may load: only what comes from where it came from.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'; form-action 'none'"

// reportPolicy is for a report, which has its style in it, and loads nothing.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"

// protect has browsers keep to a policy.
func protect(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

// Pages are the page's paths, which hold no secret and need no token.
func Pages() map[string]http.HandlerFunc {
	index := func(w http.ResponseWriter, r *http.Request) { serveAsset(w, r, "index.html") }
	all := map[string]http.HandlerFunc{"GET /assets/{name...}": func(w http.ResponseWriter, r *http.Request) {
		serveAsset(w, r, "assets/"+r.PathValue("name"))
	}}
	for _, page := range []string{"/{$}", "/sales/{sale}", "/edges", "/orders", "/front", "/journal"} {
		all["GET "+page] = index
	}
	return all
}

func serveAsset(w http.ResponseWriter, r *http.Request, name string) {
	a, there := assets()[name]
	h := w.Header()
	protect(h, policy)
	if !there {
		http.Error(w, "there is no such file", http.StatusNotFound)
		return
	}
	h.Set("Cache-Control", "no-cache") // a browser keeps it, and asks whether it is still the same
	h.Set("ETag", a.etag)
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("If-None-Match"), a.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", a.kind)
	text := a.text
	if a.small != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		text = a.small
	}
	h.Set("Content-Length", fmt.Sprint(len(text)))
	_, _ = w.Write(text)
}
