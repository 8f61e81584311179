package edge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Every request of apiCases goes to an edge. Request and answer must be as openapi.yaml says. Every answer in openapi.yaml must
// occur: each status of each operation, with each of its codes.
//
// In a URI, {x} stands for the world's x, mostly a token.

// apiCase is a request and its expected answer.
type apiCase struct {
	op     string            // its operationId
	side   int               // 0: the buyers', 1: the operators'
	uri    string            //
	header map[string]string //
	body   string
	status int
	code   string // of a problem, or the article's
	down   bool   // at the edge whose store does not answer
	bad    bool   // the document refuses the request, too
	soon   bool   // not at once, perhaps: the ledger must have heard of the sale before
}

// heard is an answer by its names in the document.
type heard struct {
	op     string
	status string
	code   string
}

func TestOpenAPI(t *testing.T) {
	w := newWorld(t)
	for _, c := range apiCases() {
		for _, c.side = range w.operations[c.op].sides() {
			t.Run(fmt.Sprintf("%s %s %d %s", c.op, c.uri, c.status, c.code), func(t *testing.T) { w.try(t, c) })
		}
	}
	for id, op := range w.operations {
		if op.guarded() {
			t.Run(id+" without a token", func(t *testing.T) {
				w.try(t, apiCase{op: id, side: 1, uri: op.path, status: 401, code: "no_token",
					header: map[string]string{"Authorization": "Bearer wrong"}})
			})
		}
		if op.guarded() && op.method != "GET" {
			t.Run(id+" from another site", func(t *testing.T) {
				w.try(t, apiCase{op: id, side: 1, uri: op.path, status: 403, code: "cross_origin",
					header: map[string]string{"Sec-Fetch-Site": "cross-site"}})
			})
		}
	}
	for path, item := range w.doc.Paths.Map() {
		t.Run("methods of "+path, func(t *testing.T) { w.tryMethods(t, path, item) })
	}
	for answer := range w.documented() {
		if !w.heard[answer] && !t.Failed() {
			t.Errorf("nobody hears %v", answer)
		}
	}
}

// operation is an operation of the document, with its path and method.
type operation struct {
	*openapi3.Operation
	path, method string
	item         *openapi3.PathItem
}

// sides is the sides that have the operation, by its tags.
func (o operation) sides() (sides []int) {
	for side, tag := range []string{"buyers", "operators"} {
		if slices.Contains(o.Tags, tag) {
			sides = append(sides, side)
		}
	}
	return sides
}

// guarded says that the operation needs the admin token.
func (o operation) guarded() bool {
	return o.Security != nil && len(*o.Security) == 1 && (*o.Security)[0]["admin"] != nil
}

// request is a case's request.
func (w *world) request(t *testing.T, c apiCase) *http.Request {
	t.Helper()
	op, ok := w.operations[c.op]
	if !ok {
		t.Fatalf("%s is not documented", c.op)
	}
	r := httptest.NewRequestWithContext(t.Context(), op.method, w.named(c.uri), strings.NewReader(w.named(c.body)))
	if op.guarded() {
		r.Header.Set("Authorization", "Bearer "+adminToken)
	}
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range c.header {
		r.Header.Set(k, w.named(v))
	}
	return r
}

// named replaces names by their values.
func (w *world) named(text string) string {
	for name, value := range w.names {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

func (w *world) send(t *testing.T, c apiCase) (*http.Response, []byte) {
	t.Helper()
	edge := w.up
	if c.down {
		edge = w.down
	}
	return hear(edge.sides[c.side], w.request(t, c))
}

// hear is a side's answer.
func hear(side http.Handler, r *http.Request) (*http.Response, []byte) {
	w := httptest.NewRecorder()
	side.ServeHTTP(w, r)
	return w.Result(), w.Body.Bytes()
}

// try sends a case's request, and checks request and answer against the document.
func (w *world) try(t *testing.T, c apiCase) {
	answer, body := w.send(t, c)
	code := codeOf(body)
	for deadline := time.Now().Add(10 * time.Second); c.soon && code != c.code && time.Now().Before(deadline); code = codeOf(body) {
		time.Sleep(20 * time.Millisecond)
		answer, body = w.send(t, c)
	}
	if answer.StatusCode != c.status || code != c.code {
		t.Fatalf("%d %s: %s", answer.StatusCode, code, body)
	}
	if strings.Contains(answer.Header.Get("Content-Type"), "problem") && c.status != 503 && answer.Header.Get("Retry-After") != "" !=
		bytes.Contains(body, []byte("retry_after_ms")) {
		t.Errorf("Retry-After %q, but %s", answer.Header.Get("Retry-After"), body)
	}
	unstored(t, c.uri, answer.Header)
	in := w.input(t, c)
	turnedAway := c.code == "no_token" || c.code == "cross_origin" // before anybody read the request
	if err := openapi3filter.ValidateRequest(t.Context(), in); !turnedAway && (err != nil) != c.bad {
		t.Errorf("the document thinks otherwise of the request: %v", err)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: answer.StatusCode, Header: answer.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true}}
	if err := openapi3filter.ValidateResponse(t.Context(), out.SetBodyBytes(body)); err != nil {
		t.Errorf("the document thinks otherwise of the answer: %v", err)
	}
	w.heard[heard{c.op, fmt.Sprint(c.status), code}] = true
}

// input is a request as kin-openapi needs it.
func (w *world) input(t *testing.T, c apiCase) *openapi3filter.RequestValidationInput {
	op, r := w.operations[c.op], w.request(t, c)
	params := map[string]string{}
	for i, part := range strings.Split(op.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			params[strings.TrimSuffix(name, "}")] = strings.Split(r.URL.Path, "/")[i]
		}
	}
	return &openapi3filter.RequestValidationInput{Request: r, PathParams: params,
		Route:   &routers.Route{Spec: w.doc, Path: op.path, PathItem: op.item, Method: op.method, Operation: op.Operation},
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
}

// codeOf is the code of a problem, or the article's code. It is "" if there is none.
func codeOf(body []byte) string {
	var says struct{ Code any }
	if json.Unmarshal(body, &says) != nil || says.Code == nil {
		return ""
	}
	return fmt.Sprint(says.Code)
}

// tryMethods uses a method that the document does not have.
func (w *world) tryMethods(t *testing.T, path string, item *openapi3.PathItem) {
	want := slices.Collect(maps.Keys(item.Operations()))
	if slices.Contains(want, "GET") && !strings.HasPrefix(path, "/buy/") {
		want = append(want, "HEAD")
	}
	slices.Sort(want)
	for _, side := range w.operations[item.Operations()[want[0]].OperationID].sides() {
		answer, body := hear(w.up.sides[side], httptest.NewRequest(http.MethodPut, path, nil))
		unstored(t, path, answer.Header)
		allow := strings.Split(answer.Header.Get("Allow"), ", ")
		slices.Sort(allow)
		if answer.StatusCode != http.StatusMethodNotAllowed || codeOf(body) != "method_not_allowed" || !slices.Equal(allow, want) {
			t.Errorf("%d %v %s, want %v", answer.StatusCode, allow, body, want)
		}
	}
}

// documented is all answers in the document.
func (w *world) documented() map[heard]bool {
	all := map[heard]bool{}
	for id, op := range w.operations {
		for status, response := range op.Responses.Map() {
			codes := []string{}
			for _, media := range response.Value.Content {
				codes = append(codes, codesIn(media.Schema)...)
			}
			if len(codes) == 0 {
				codes = []string{""}
			}
			for _, code := range codes {
				all[heard{id, status, code}] = true
			}
		}
	}
	return all
}

// codesIn is the codes that a schema allows.
func codesIn(schema *openapi3.SchemaRef) (codes []string) {
	if schema == nil {
		return nil
	}
	if code := schema.Value.Properties["code"]; code != nil {
		for _, v := range code.Value.Enum {
			codes = append(codes, fmt.Sprint(v))
		}
	}
	for _, part := range schema.Value.AllOf {
		codes = append(codes, codesIn(part)...)
	}
	return codes
}
