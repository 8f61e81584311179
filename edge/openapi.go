package edge

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the document
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/answer"
)

//go:embed openapi.yaml
var openapi []byte

// document describes every endpoint of both sides. TestOpenAPI compares it with the real answers.
type document struct {
	text []byte
	etag string
}

const yamlType = "application/yaml"

// newDocument is the document with this edge's version.
func newDocument(version string) *document {
	text := bytes.Replace(openapi, []byte(`version: "0"`), []byte("version: "+strconv.Quote(version)), 1)
	sum := sha256.Sum256(text)
	return &document{text: text, etag: fmt.Sprintf(`"%x"`, sum[:8])}
}

// Document is GET /openapi.yaml of an operators' side.
func Document(version string) http.Handler { return newDocument(version) }

// show is GET /openapi.yaml on the buyers' side.
func (d *document) show(q *fasthttp.Request, to *fasthttp.Response) {
	if !q.Header.IsGet() && !q.Header.IsHead() {
		send(to, answer.NotAllowed("GET", "HEAD"))
		return
	}
	to.Header.Set(fasthttp.HeaderETag, d.etag)
	if d.has(string(q.Header.Peek(fasthttp.HeaderIfNoneMatch))) {
		to.SetStatusCode(fasthttp.StatusNotModified)
		return
	}
	to.Header.SetContentType(yamlType)
	to.SetBodyRaw(d.text)
}

// has says whether an If-None-Match names this text.
func (d *document) has(tags string) bool {
	for tag := range strings.SplitSeq(tags, ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == d.etag || tag == "*" {
			return true
		}
	}
	return false
}

// ServeHTTP is GET /openapi.yaml on the operators' side.
func (d *document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", yamlType)
	w.Header().Set("ETag", d.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.text))
}
