//go:build integration

package nginx

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"spike/bench/rig/rigtest"
	"spike/edge"
	"spike/edge/identity"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// downStore is a store that does not answer for one sale.
type downStore struct{ ledger.Store }

const unheard = "unheard"

func (s downStore) Renew(ctx context.Context, sale string, r ledger.RenewRequest) (ledger.RenewReply, error) {
	if sale == unheard {
		return ledger.RenewReply{}, ledger.ErrDown
	}
	return s.Store.Renew(ctx, sale, r)
}

// openStore has a sale for each outcome: "gone" for good, "held" by a buyer who has not paid, "ticket" with units.
func openStore(t *testing.T) ledger.Store {
	t.Helper()
	store := memory.New(ledger.DefaultBounds(), time.Now)
	for sale, r := range map[string]ledger.CreateRequest{
		"gone": {Total: 1}, "held": {Total: 1, Hold: time.Hour}, "ticket": {Total: 1_000_000},
	} {
		if _, err := store.Create(t.Context(), sale, r); err != nil {
			t.Fatal(err)
		}
	}
	return downStore{store}
}

// openEdge is a live edge whose sales "gone" and "held" have sold their only unit. Pages of the given origins may buy.
func openEdge(t *testing.T, lang string, origins ...string) string {
	t.Helper()
	addr, admin := rigtest.FreeAddr(t), rigtest.FreeAddr(t)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan error, 1)
	store := openStore(t)
	go func() {
		stopped <- edge.Run(ctx, edge.Config{Listen: addr, Admin: admin, Node: addr, Ack: edge.AckEdge, Lang: lang,
			Lease: 5 * time.Second,
			Grace: time.Second, Bounds: ledger.DefaultBounds(), Trusted: identity.TrustedByDefault(), Origins: origins}, store,
			zerolog.Nop())
	}()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	new(shop).wait(t, admin)
	for sale, want := range map[string]string{"gone": "410 ", "held": "409 "} {
		for i := 0; ; i++ { // until the edge knows that the ledger has settled it
			if got := hear(t, addr, http.MethodPost, "/v1/sales/"+sale+"/reservations"); strings.HasPrefix(got, want) {
				break
			} else if i == 500 {
				t.Fatalf("%s: %s", sale, got)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return addr
}

// connect is a connection that does not last: its caller closes it.
func connect(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(15 * time.Second))
	return c
}

// hear sends a request and returns the parts of the answer that a buyer reads: status, content type, Retry-After and body.
// Headers are given as "Name: value".
func hear(t *testing.T, addr, method, uri string, headers ...string) string {
	t.Helper()
	c := connect(t, addr)
	defer func() { _ = c.Close() }()
	length := ""
	if method == http.MethodPost {
		length = "Content-Length: 0\r\n"
	}
	for _, h := range headers {
		length += h + "\r\n"
	}
	if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n", method, uri, length); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, _ := io.ReadAll(r.Body)
	return fmt.Sprintf("%d %q %q %s", r.StatusCode, r.Header["Content-Type"], r.Header["Retry-After"], body)
}

// hearLarge is the answer to a request that announces too large a body.
func hearLarge(t *testing.T, addr, uri string) string {
	t.Helper()
	return hear(t, addr, http.MethodPut, uri, "Content-Length: 20000") // a POST of hear has no body
}

// gateDir is a directory for flags that nginx may read.
func gateDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(workDir(t, ""), "gate")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// setFlag shuts the gate for a sale for the next half minute, and for the slot that may just be ending.
func setFlag(t *testing.T, dir, sale string, what What) {
	t.Helper()
	for slot := Slot(time.Now()); slot < Slot(time.Now())+4; slot++ {
		if err := os.Mkdir(filepath.Join(dir, FlagName(sale, what, slot)), 0o755); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
}

func unflag(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	for _, f := range files {
		if err == nil {
			err = os.Remove(f)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestNginxSaysWhatEdgesSay compares nginx's own answer with a live edge's, for each format, outcome and language.
func TestNginxSaysWhatEdgesSay(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"zh", "en"} {
		live, dir := openEdge(t, lang), gateDir(t)
		alone := strings.TrimPrefix(start(t, Topology{Workers: 1, Lang: lang, GateDir: dir,
			Edges: []Edge{{refusedAddrs(1)[0], 1}}}, asRendered), "http://")
		setFlag(t, dir, "gone", SoldOut)
		setFlag(t, dir, "held", NoneNow)
		for _, sale := range []string{"gone", "held", unheard} {
			for _, r := range []struct{ method, uri string }{
				{http.MethodGet, "/buy/" + sale}, {http.MethodPost, "/buy/" + sale}, {http.MethodPost, "/v1/sales/" + sale +
					"/reservations"},
			} {
				want, got := hear(t, live, r.method, r.uri), hear(t, alone, r.method, r.uri)
				if got != want {
					t.Errorf("%s, %s %s:\nnginx %s\nedge  %s", lang, r.method, r.uri, got, want)
				}
			}
		}
		for _, uri := range []string{"/buy/" + unheard, "/v1/sales/" + unheard + "/reservations"} {
			want, got := hearLarge(t, live, uri), hearLarge(t, alone, uri)
			if got != want || !strings.HasPrefix(got, "413 ") {
				t.Errorf("%s, %s with a large body:\nnginx %s\nedge  %s", lang, uri, got, want)
			}
		}
		setFlag(t, dir, "gone.html", SoldOut)
		if want, got := hear(t, alone, http.MethodGet, "/buy/gone"), hear(t, alone, http.MethodGet,
			"/buy/gone.html"); got != want {
			t.Errorf("nginx sees a page in a sale's name: %s", got)
		}
	}
}

// TestGateAnswersNobodyElse: the gate answers buys of a flagged sale, and all other requests go to an edge.
func TestGateAnswersNobodyElse(t *testing.T) {
	dir, here := gateDir(t), newHTTPServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	front := strings.TrimPrefix(start(t, Topology{Workers: 1, GateDir: dir, Edges: []Edge{{here, 1}}}, asRendered), "http://")
	setFlag(t, dir, "ticket", SoldOut)
	slot := Slot(time.Now())
	for _, name := range []string{FlagName("early", SoldOut, slot+9), FlagName("late", SoldOut, slot-1),
		FlagName("soon", "sold-out-soon", slot),
		"bare", "bare.sold-out", "bare.sold-out.", "bare.sold-out.never"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const buy, reserve = "/buy/ticket", "/v1/sales/ticket/reservations"
	for _, c := range []struct {
		method, uri, header string
		gate                bool
	}{
		{"GET", buy, "", true}, {"POST", buy, "", true}, {"POST", reserve, "", true},
		{"GET", buy + "?", "", true}, {"GET", buy + "?n=1", "", true}, {"POST", buy + "?n=99", "", true},
		{"POST", reserve + "?n=100", "", true},
		{"POST", buy, "X-Buyer-Id: ann", true}, {"POST", buy, "Authorization: Bearer x", true},
		{"GET", buy, "Idempotency_Key: 1", true},
		{"GET", buy, "Idempotency-Key: 1", false}, {"POST", buy, "idempotency-key: n=1", false},
		{"POST", reserve, "IDEMPOTENCY-KEY: \"1\"", false},
		{"GET", buy + "?n=1", "Idempotency-Key: 1", false}, {"GET", buy, "Idempotency-Key: a\r\nIdempotency-Key: b", false},
		{"HEAD", buy, "", false}, {"PUT", buy, "", false}, {"OPTIONS", buy, "", false}, {"GETPOST", buy, "", false},
		{"GET", reserve, "", false}, {"DELETE", reserve, "", false},
		{"GET", buy + "?n=0", "", false}, {"GET", buy + "?n=101", "", false}, {"GET", buy + "?n=01", "", false},
		{"GET", buy + "?n=", "", false},
		{"GET", buy + "?n=1&n=2", "", false}, {"GET", buy + "?n=1x", "", false}, {"GET", buy + "?m=1", "", false},
		{"GET", buy + "?%6e=1", "", false},
		{"GET", "/buy/other", "", false}, {"GET", "/buy/early", "", false}, {"GET", "/buy/late", "", false},
		{"GET", "/buy/soon", "", false},
		{"GET", "/buy/bare", "", false}, {"GET", "/buy/bare", "Idempotency-Key: 1", false}, {"GET", "/buy/Ticket", "", false},
		{"GET", "/buy/", "", false}, {"GET", "/buy", "", false}, {"GET", "/buy/ticket/", "", false},
		{"GET", "/buy/ticket.sold-out", "", false},
		{"GET", reserve + "/mine", "", false}, {"GET", reserve + "/mine", "X-Buyer-Id: ann", false},
		{"POST", reserve + "/mine", "", false},
		{"POST", "/v1/sales/ticket", "", false}, {"POST", reserve + "/", "", false}, {"POST", reserve + "%0a", "", false},
		{"POST", "/v1/sales/other/reservations", "", false}, {"POST", "/v1/sales//reservations", "", false},
		{"POST", "/v2" + reserve, "", false},
	} {
		var headers []string
		if c.header != "" {
			headers = append(headers, c.header)
		}
		got := hear(t, front, c.method, c.uri, headers...)
		if byEdge := strings.HasPrefix(got, "418 "); byEdge == c.gate {
			t.Errorf("%s %s %q: %s", c.method, c.uri, c.header, got)
		}
	}
}

// TestOddPathsMeanTheSameAtTheGate: however a path is written, the gate answers as an edge does for the sale that the edge reads
// in that path. A flag outside gate_dir never counts.
func TestOddPathsMeanTheSameAtTheGate(t *testing.T) {
	t.Parallel()
	live, dir := openEdge(t, "en"), gateDir(t)
	front := strings.TrimPrefix(start(t, Topology{Workers: 1, Lang: "en", GateDir: dir, Edges: []Edge{{live, 1}}},
		asRendered), "http://")
	setFlag(t, dir, "gone", SoldOut)
	setFlag(t, filepath.Dir(dir), "ticket", SoldOut)
	kind := func(addr, method, uri string) string { // only the beginning of "won", which differs each time
		got := hear(t, addr, method, uri)
		if before, _, won := strings.Cut(got, `"serial"`); won {
			return before
		}
		return got
	}
	refused := 0
	for _, path := range []string{
		"gone", "%67one", "gon%65", "%67%6f%6e%65", "./gone", "../buy/gone", "x/../gone", "/gone", "///gone", "gone/.", "gone/..",
		"gone/../ticket",
		"gone/../../buy/ticket", "ticket/../gone", "gone/", "gone//", "gone%2f", "gone%2F..%2Fticket", "ticket%2f..%2fgone",
		"%2fgone", "%2e/gone",
		"%2e%2e/buy/gone", "gone%2f%2e%2e%2fticket", "..%2fbuy%2fgone", "gone%3f", "gone%3fn=1", "gone%23", "gone#x", "gone#?n=0",
		"gone?n=1#x", "gone?#",
		"gone%00", "gone%00ticket", "gone%0a", "gone%0d%0a", "gone%20", "%20gone", "gone+", "gone%2b", "gone;x", "gone;",
		"gone%3b", "gone,ticket", "gone\\", "gone%5c",
		"gone%5c..%5cticket", "gone%252f", "%2567one", "gone%", "gone%6", "gone%zz", "GONE", "g%c3%b6ne", "gone%ff",
		"gone%e2%80%8b", "gone.", "gone..", "...gone",
		"ticket", "../ticket", "%2e%2e/ticket", "..%2fticket", "..%2f..%2fticket", "../gate/gone", "x/../../ticket",
		"%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd", "", ".", "..", "%2e", "*", "~gone", "$gone", "{gone}", "gone'", `gone"`,
		"gone|x", "^gone",
		strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("a", 300), strings.Repeat("a/", 200) +
			"gone", strings.Repeat("../", 9) + "buy/gone",
	} {
		for _, r := range []struct{ method, uri string }{
			{"GET", "/buy/" + path}, {"POST", "/v1/sales/" + path + "/reservations"}, {"GET", "//buy/" + path},
			{"GET", "http://b/buy/" + path},
		} {
			got, want := kind(front, r.method, r.uri), kind(live, r.method, r.uri)
			if strings.HasPrefix(got, "400 [\"text/html\"]") { // nginx itself refuses such a path
				refused++
				continue
			}
			if got != want {
				t.Errorf("%s %.80s:\nnginx %.200s\nedge  %.200s", r.method, r.uri, got, want)
			}
		}
	}
	if refused > 40 {
		t.Errorf("nginx refused %d paths: little was tested", refused)
	}
}

// TestFlagsHoldNothingOpen: however many sales are sold out, nginx keeps its descriptors for connections.
func TestFlagsHoldNothingOpen(t *testing.T) {
	dir := gateDir(t)
	front := strings.TrimPrefix(start(t, Topology{Workers: 1, GateDir: dir, Edges: []Edge{{refusedAddrs(1)[0], 1}}},
		asRendered), "http://")
	setFlag(t, dir, "first", SoldOut)
	file := filepath.Join(dir, FlagName("file", SoldOut, Slot(time.Now())))
	for _, name := range []string{file, filepath.Join(dir, FlagName("file", SoldOut, Slot(time.Now())+1))} {
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, sale := range []string{"first", "file"} {
		if got := hear(t, front, "GET", "/buy/"+sale); !strings.HasPrefix(got, "200 ") {
			t.Fatal(sale, got)
		}
	}
	open := openUnder(t, dir)
	if len(open) == 0 {
		t.Skip("nothing can be seen of what nginx has open")
	}
	for _, name := range open {
		if !strings.HasPrefix(filepath.Base(name), "file.") {
			t.Error("held open:", name)
		}
	}
}

// openUnder is the files in a directory that processes hold open, as far as the test may look.
func openUnder(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range all {
		if name, err := os.Readlink(fd); err == nil && strings.HasPrefix(name, dir+"/") {
			names = append(names, name)
		}
	}
	return names
}

// TestGateOpens: the gate opens when its flags are removed, when no new ones are written, and when the directory is gone.
func TestGateOpens(t *testing.T) {
	dir, here := gateDir(t), newHTTPServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	front := strings.TrimPrefix(start(t, Topology{Workers: 2, GateDir: dir, Edges: []Edge{{here, 1}}}, asRendered), "http://")
	shut := func() bool { return !strings.HasPrefix(hear(t, front, "GET", "/buy/ticket"), "418 ") }
	becomes := func(want bool, within time.Duration, why string) {
		t.Helper()
		for end, same := time.Now().Add(within), 0; same < 20; time.Sleep(10 * time.Millisecond) { // both workers, several times
			if same++; shut() != want {
				same = 0
			}
			if time.Now().After(end) {
				t.Fatalf("%s: not within %v", why, within)
			}
		}
	}
	const second = 1500 * time.Millisecond // nginx' look-up holds for one second; the rest is for a busy machine
	becomes(false, second, "no flag")
	setFlag(t, dir, "ticket", SoldOut)
	becomes(true, second, "a flag")
	unflag(t, dir)
	becomes(false, second, "no flag any more")
	setFlag(t, dir, "ticket", NoneNow)
	becomes(true, second, "the other flag")
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	becomes(false, second, "no directory")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, FlagName("ticket", SoldOut, Slot(time.Now()))), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	becomes(false, SlotSeconds*time.Second+second, "its slot is over")
}
