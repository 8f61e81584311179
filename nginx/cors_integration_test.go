//go:build integration

package nginx

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const (
	seller   = "https://shop.example"
	stranger = "https://evil.example"
)

// corsOf is the status of an answer and its headers about other sites.
func corsOf(t *testing.T, addr, method, uri string, headers ...string) string {
	t.Helper()
	c := connect(t, addr)
	defer func() { _ = c.Close() }()
	if method == http.MethodPost {
		headers = append(headers, "Content-Length: 0")
	}
	if _, err := fmt.Fprint(c, line(method, uri, headers...)); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	said := []string{fmt.Sprint(r.StatusCode)}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" || name == "Cache-Control" {
			said = append(said, fmt.Sprintf("%s: %q", name, values))
		}
	}
	slices.Sort(said[1:])
	return strings.Join(said, "\n")
}

// Row D9: pages of allowed sites may buy, at an edge and behind nginx alike, whichever of the two answers. By default no answer
// has a header about other sites.
func TestD9PagesOfAllowedSitesMayBuy(t *testing.T) {
	t.Parallel()
	dir := gateDir(t)
	setFlag(t, dir, "nowhere", SoldOut)
	setFlag(t, dir, "later", NoneNow)
	plain := openEdge(t, "en")
	behind := func(edge string, origins ...string) string {
		return strings.TrimPrefix(start(t, Topology{Workers: 1, GateDir: dir, CORSOrigins: origins, Edges: []Edge{{edge, 1}}},
			asRendered), "http://")
	}
	const asks = "Access-Control-Request-Method: POST"
	const reserve, nothing = "/v1/sales/ticket/reservations", "\nCache-Control: [\"no-store\"]"
	vary := "\nVary: [\"Origin\"]"
	may := fmt.Sprintf("\nAccess-Control-Allow-Origin: [%q]\nAccess-Control-Expose-Headers: [%q]", seller, corsExposed)
	granted := fmt.Sprintf("\nAccess-Control-Allow-Headers: [%q]\nAccess-Control-Allow-Methods: [%q]\n"+
		"Access-Control-Allow-Origin: [%q]\nAccess-Control-Expose-Headers: [%q]\nAccess-Control-Max-Age: [\"600\"]",
		corsHeaders, corsMethods, seller, corsExposed)
	doors := map[string]string{
		"an edge": openEdge(t, "en", "http://localhost:8080", seller), "nginx": behind(plain, seller, "http://localhost:8080"),
		"nginx before such an edge": behind(openEdge(t, "en", seller), seller),
		"nginx before nobody":       behind(refusedAddrs(1)[0], seller),
	}
	for door, addr := range doors {
		alone := door == "nginx before nobody"
		for _, c := range []struct {
			method, uri, origin, asks string
			status                    int
			want                      string
		}{
			{"OPTIONS", reserve, seller, asks, 204, granted},
			{"OPTIONS", "/buy/ticket", seller, asks, 204, granted},
			{"OPTIONS", "/v1/reservations/x", seller, asks + "\r\nAccess-Control-Request-Headers: authorization", 204, granted},
			{"OPTIONS", reserve, stranger, asks, 405, ""},
			{"OPTIONS", reserve, "null", asks, 405, ""},
			{"OPTIONS", reserve, "", asks, 405, ""},
			{"OPTIONS", reserve, seller, "", 405, may},
			{"OPTIONS", reserve, seller + ".evil.example", asks, 405, ""},
			{"POST", reserve, seller, "", 201, may},
			{"POST", reserve, stranger, "", 201, ""},
			{"GET", "/buy/ticket", seller, "", 200, may},
			{"GET", "/buy/ticket", "", "", 200, ""},
			{"GET", "/nowhere", seller, "", 404, may},
			{"GET", "/buy/ticket?n=0", seller, "", 400, may},
		} {
			if alone && c.status != 204 { // nginx's own answer
				c.status = 503
			}
			var headers []string
			if c.origin != "" {
				headers = append(headers, "Origin: "+c.origin)
			}
			if c.asks != "" {
				headers = append(headers, c.asks)
			}
			got, want := corsOf(t, addr, c.method, c.uri, headers...), fmt.Sprint(c.status)+c.want
			want = strings.Join(sorted(want+nothing+vary), "\n")
			if got != want {
				t.Errorf("%s: %s %s from %q:\ngot  %s\nwant %s", door, c.method, c.uri, c.origin, got, want)
			}
		}
	}
	for uri, status := range map[string]int{"/buy/nowhere": 200, "/buy/later": 200} { // answers of the gate
		got := corsOf(t, doors["nginx"], "GET", uri, "Origin: "+seller)
		if want := strings.Join(sorted(fmt.Sprint(status)+may+nothing+vary), "\n"); got != want {
			t.Errorf("%s: %s", uri, got)
		}
	}
	for door, addr := range map[string]string{"an edge": plain, "nginx": behind(plain),
		"nginx before an edge that would": behind(openEdge(t, "en", seller))} {
		for method, status := range map[string]int{"OPTIONS": 405, "POST": 201} {
			got := corsOf(t, addr, method, reserve, "Origin: "+seller, asks)
			silent := fmt.Sprint(status) + nothing
			if got != silent && got != silent+vary {
				t.Errorf("%s, which was not told: %s", door, got)
			}
		}
	}
}

// sorted is a status, and lines in order.
func sorted(text string) []string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines[1:])
	return lines
}
