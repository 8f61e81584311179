//go:build integration

package nginx

import (
	"bytes"
	_ "embed"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"spike/edge/fastpath"
)

// Row D10: headers that a browser sends beside a buy do not reach edges, and keep no buyer from buying.
func TestD10OnlyWhatEdgesReadIsPassedOn(t *testing.T) {
	got := make(chan http.Header, 1)
	seen := newHTTPServer(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header })
	read := map[string]string{"Idempotency-Key": "k", "Authorization": "Bearer x.y.z", "If-None-Match": `"e"`,
		"X-Buyer-Id": "ann"}
	front := strings.TrimPrefix(start(t, Topology{Edges: []Edge{{seen, 1}}}, asRendered), "http://")
	hear(t, front, "POST", "/buy/ticket", "Cookie: a=b", "Cookie: c=d", "User-Agent: x", "Referer: x", "Accept: x",
		"Accept-Encoding: gzip",
		"X-Anything: x", "Sec-Fetch-Site: none", "Origin: https://shop.example", "Content-Type: application/json",
		"Idempotency-Key: k",
		"Authorization: Bearer x.y.z", `If-None-Match: "e"`, "X-Buyer-Id: ann")
	ours := []string{"X-Request-Id", "X-Real-Ip", "X-Forwarded-For", "Content-Length"}
	for name, values := range <-got {
		if want, yes := read[name]; yes && slices.Equal(values, []string{want}) || slices.Contains(ours, name) {
			delete(read, name)
			continue
		}
		t.Errorf("an edge hears %s: %q", name, values)
	}
	if len(read) > 0 {
		t.Errorf("an edge does not hear %v", read)
	}
	hear(t, front, "POST", "/buy/ticket")
	for name := range <-got {
		if !slices.Contains(ours, name) {
			t.Errorf("nobody has sent %s", name)
		}
	}
}

// A buy as a page's fetch() sends it in Chrome, behind a proxy that names the buyer.
//
//go:embed testdata/browser.http
var browserBuy string

// Of the 17 lines that a browser sends, those that an edge reads reach it, and nothing else. All of them may be there on the fast
// path.
func TestD10OfABrowsersBuyLittleReachesAnEdge(t *testing.T) {
	const want = "POST /buy/ticket HTTP/1.1\r\nHost: shop.example\r\nX-Buyer-Id: ann\r\nX-Request-ID: ID\r\n" +
		"X-Real-IP: 127.0.0.1\r\nX-Forwarded-For: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	reached := make(chan []byte, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		var all []byte
		for b := make([]byte, 8<<10); !bytes.HasSuffix(all, []byte("\r\n\r\n")); {
			n, err := c.Read(b)
			if all = append(all, b[:n]...); err != nil {
				break
			}
		}
		reached <- all
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}()
	front := strings.TrimPrefix(start(t, Topology{Edges: []Edge{{l.Addr().String(), 1}}}, asRendered), "http://")
	sent := strings.TrimSuffix(browserBuy, "\r\n") + "X-Buyer-Id: ann\r\n\r\n"
	c := connect(t, front)
	if _, err = io.WriteString(c, sent); err != nil {
		t.Fatal(err)
	}
	got := <-reached
	t.Logf("%d bytes of %d reach an edge", len(got), len(sent))
	masked := regexp.MustCompile(`ID: [0-9a-f]{32}`).ReplaceAll(got, []byte("ID: ID"))
	if !slices.Equal(sorted(string(masked)), sorted(want)) {
		t.Errorf("%q\nwant %q", masked, want)
	}
	var q fastpath.Request
	if !q.Scan(got) || string(q.Buyer) != "ann" || q.Size != len(got) {
		t.Errorf("not plain: %q", got)
	}
}

// A site's cookies may be larger than all that an edge reads.
func TestD10CookiesKeepNobodyFromBuying(t *testing.T) {
	t.Parallel()
	live := openEdge(t, "en")
	front := strings.TrimPrefix(start(t, Topology{Edges: []Edge{{live, 1}}}, asRendered), "http://")
	for name, headers := range map[string][]string{
		"9 kB in one": {"Cookie: a=" + strings.Repeat("a", 9_000)},
		"in two":      {"Cookie: a=" + strings.Repeat("a", 7_000), "Cookie: b=" + strings.Repeat("b", 7_000)},
		"in many":     slices.Repeat([]string{"Cookie: a=" + strings.Repeat("a", 200)}, 80),
		"others": {"X-A: " + strings.Repeat("a", 5_000), "X-B: " + strings.Repeat("b", 5_000), "Referer: " +
			strings.Repeat("c", 5_000)},
	} {
		if got := hear(t, front, "GET", "/buy/ticket", headers...); !strings.HasPrefix(got, "200 ") ||
			!strings.Contains(got, `"code":1`) {
			t.Errorf("%s: %s", name, got)
		}
	}
	large := "Authorization: Bearer " + strings.Repeat("a", 9_000) // headers that an edge reads have a limit
	if got := hear(t, front, "GET", "/buy/ticket", large); !strings.HasPrefix(got, "431 ") {
		t.Error(got)
	}
}
