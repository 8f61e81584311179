package edge

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"spike/edge/buy"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

var plainRuns = flag.Int("plain", 20_000, "how many random inputs go over the fast path and through fasthttp")

// plainWorld has a sale in each state.
func plainWorld(t testing.TB, cfg Config) *Server {
	t.Helper()
	store := memory.New(cfg.Bounds, time.Now)
	open := func(name string, r ledger.CreateRequest) {
		if _, err := store.Create(t.Context(), name, r); err != nil {
			t.Fatal(err)
		}
	}
	open("ticket", ledger.CreateRequest{Total: ledger.MaxSerial, Hold: time.Minute})
	open("kept", ledger.CreateRequest{Total: ledger.MaxSerial})
	open("one", ledger.CreateRequest{Total: 1})
	open("held", ledger.CreateRequest{Total: 1, Hold: time.Hour})
	open("limited", ledger.CreateRequest{Total: ledger.MaxSerial, Limit: 2})
	open("few", ledger.CreateRequest{Total: 1, Limit: 1})
	open("early", ledger.CreateRequest{Total: 1, Opens: time.Now().Add(time.Hour)})
	open("paused", ledger.CreateRequest{Total: 1})
	open("closed", ledger.CreateRequest{Total: 1})
	for _, name := range []string{"paused", "closed"} {
		if _, err := store.Change(t.Context(), name, ledger.ChangeRequest{To: name}); err != nil {
			t.Fatal(err)
		}
	}
	return testServer(t, cfg, store)
}

var plainSales = []string{"ticket", "kept", "one", "held", "limited", "few", "early", "paused", "closed", "unheard-of"}

// bytesConn is a connection that reads from a buffer and writes to another.
type bytesConn struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (m *bytesConn) Read(b []byte) (int, error)       { return m.in.Read(b) }
func (m *bytesConn) Write(b []byte) (int, error)      { return m.out.Write(b) }
func (m *bytesConn) Close() error                     { return nil }
func (m *bytesConn) RemoteAddr() net.Addr             { return peerAt("127.0.0.1:1") }
func (m *bytesConn) LocalAddr() net.Addr              { return peerAt("127.0.0.1:2") }
func (m *bytesConn) SetDeadline(time.Time) error      { return nil }
func (m *bytesConn) SetReadDeadline(time.Time) error  { return nil }
func (m *bytesConn) SetWriteDeadline(time.Time) error { return nil }

var own = regexp.MustCompile(`Date: [^\r]+|"serial":\d+|"reservation":"rsv_\w{42}"|"token":"[\w-]{84}"|` +
	`"expires_at":"[^"]+"|"expires_in_ms":\d+|Content-Length: (1|2)\d\d`)

// masked is answers without the parts in which two answers to the same request differ.
func masked(answers []byte) string {
	return own.ReplaceAllStringFunc(string(answers), func(s string) string {
		name, _, _ := strings.Cut(s, ":")
		return name
	})
}

// wantSame sends the input through the fast path and through fasthttp, and compares the answers.
func wantSame(t *testing.T, s *Server, in []byte) (plain bool) {
	t.Helper()
	used, got := s.answerPlain(in, nil)
	if used == 0 {
		if len(got) > 0 {
			t.Fatalf("%q: nothing is read, and %q is said", in, got)
		}
		return false
	}
	c := &bytesConn{in: bytes.NewReader(in[:used])}
	if err := s.front().ServeConn(c); err != nil {
		t.Fatalf("%q: fasthttp: %v", in[:used], err)
	}
	if masked(got) != masked(c.out.Bytes()) {
		t.Fatalf("%q\nfast path: %q\nfasthttp:  %q", in[:used], got, c.out.Bytes())
	}
	return true
}

// Trap 6: for each request that the fast path answers, fasthttp has the same answer, except for the date and the units. -plain N
// tries N inputs.
func TestFastPathSaysWhatFasthttpSays(t *testing.T) {
	for name, origins := range map[string][]string{"no other site": nil, "another site": {"https://shop.example"}} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig()
			cfg.Origins = origins
			s := plainWorld(t, cfg)
			for _, name := range []string{"ann", "bob", "eve"} { // they are opened, and the single units go
				for _, sale := range plainSales {
					c := &bytesConn{in: strings.NewReader("GET /buy/" + sale + " HTTP/1.1\r\nHost: a\r\nX-Buyer-Id: " + name + "\r\n\r\n")}
					_ = s.front().ServeConn(c)
				}
			}
			for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // until the verdict changes no more
				_, said := s.answerPlain([]byte("GET /buy/one HTTP/1.1\r\nHost: a\r\n\r\n"), nil)
				if len(said) > 0 && !bytes.Contains(said, []byte("Retry-After")) {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("the only unit is gone for good, and the buyer hears %q", said)
				}
			}
			random, plain, heard := rand.New(rand.NewPCG(1, uint64(len(origins)))), 0, map[string]bool{}
			for _, sale := range plainSales {
				if _, answers := s.answerPlain([]byte("GET /buy/"+sale+" HTTP/1.1\r\nHost: a\r\n\r\n"), nil); len(answers) > 0 {
					heard[sale] = true
				}
			}
			for _, sale := range []string{"ticket", "kept", "one", "held", "paused", "closed"} {
				if !heard[sale] {
					t.Errorf("%s is not answered on the fast path", sale)
				}
			}
			for range *plainRuns {
				in := randomInput(random)
				if wantSame(t, s, in) {
					plain++
				}
			}
			if t.Logf("%d of %d were plain; heard of %v", plain, *plainRuns, heard); plain < *plainRuns/20 {
				t.Error("too few: the inputs say little")
			}
		})
	}
}

// randomInput is up to three nearly plain requests, some of them spoilt.
func randomInput(r *rand.Rand) (in []byte) {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	for range 1 + r.IntN(3) {
		method := pick("GET", "GET", "GET", "POST", "POST", "HEAD", "PUT", "get", "OPTIONS")
		if r.IntN(8) > 0 {
			method = pick("GET", "POST")
		}
		in = fmt.Appendf(in, "%s /buy/%s%s", method, pick(plainSales...),
			pick(" HTTP/1.1\r\nHost: a\r\n", " HTTP/1.1\r\nHost: a\r\n", " HTTP/1.1\r\nHost: a.example:80\r\n",
				" HTTP/1.1\r\nhost:127.0.0.1:3005\r\n",
				" HTTP/1.1\r\nHOST:  shop.example  \r\n", " HTTP/1.1\r\n", "?n=1 HTTP/1.1\r\nHost: a\r\n", " HTTP/1.0\r\nHost: a\r\n",
				"/ HTTP/1.1\r\nHost: a\r\n"))
		for range r.IntN(5) {
			name, value := pick("User-Agent", "Accept", "Cookie", "X-Forwarded-For", "x-request-id", "SEC-FETCH-MODE", "Referer",
				"If-None-Match", "x-BUYER-id"),
				pick("ann", "1", "a, b", "*/*", "\"q\"", "https://shop.example")
			if r.IntN(6) == 0 {
				name = pick("X-Buyer-Id", "Connection", "Content-Length", "Host", "Origin", "Authorization", "Idempotency-Key", "Expect",
					"Transfer-Encoding",
					"Upgrade", "TE", "Trailer", "Unheard-Of")
				value = pick("0", "0", "1", "keep-alive", "close", "", "100-continue", "chunked", "a\tb", "\u00e9", "ann",
					"https://shop.example")
			}
			in = fmt.Appendf(in, "%s%s%s\r\n", name, pick(": ", ": ", ": ", ": ", ": ", ": ", ": ", ":", ":  ", " :"), value)
		}
		in = append(in, pick("\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r\n0")...)
	}
	if r.IntN(4) == 0 {
		in[r.IntN(len(in))] = byte(r.IntN(256))
	}
	if r.IntN(8) == 0 {
		in = in[:r.IntN(len(in)+1)]
	}
	return in
}

// Buys on the fast path are counted as others are. If a buy cannot be decided at once, the fast path does nothing.
func TestFastPathCountsAndLeavesTheRest(t *testing.T) {
	s := plainWorld(t, testConfig())
	ask := func(sale, headers string) bool {
		used, _ := s.answerPlain([]byte("GET /buy/"+sale+" HTTP/1.1\r\nHost: a\r\n"+headers+"\r\n"), nil)
		return used > 0
	}
	if ask("ticket", "") {
		t.Error("a sale that this edge does not sell yet")
	}
	for _, sale := range plainSales {
		s.serveOne(buyer("/buy/" + sale))
	}
	tally := func(sale string, o buy.Outcome) uint64 { return s.sales.Get([]byte(sale)).Tally.Read(uint8(o)) }
	before := tally("ticket", buy.Won)
	for range 50 {
		if !ask("ticket", "") {
			t.Fatal("units are here, and were not sold")
		}
	}
	if n := tally("ticket", buy.Won) - before; n != 50 {
		t.Errorf("%d counted of 50 wins", n)
	}
	for _, not := range [][2]string{{"ticket", "X-Buyer-Id: ann\r\n"}, {"limited", ""}, {"limited", "X-Buyer-Id: ann\r\n"},
		{"early", ""}} {
		if ask(not[0], not[1]) {
			t.Errorf("%s", not)
		}
	}
	if n := tally("ticket", buy.Won) - before; n != 50 {
		t.Errorf("a buyer who was left to fasthttp got something: %d", n)
	}
	s.draining.Store(true)
	if ask("ticket", "") {
		t.Error("an edge that stops tells clients so: fasthttp does")
	}
}

// The date of answers moves on within a second.
func TestFastPathKeepsItsDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := plainWorld(t, testConfig())
		s.sales.Running.Start(s.keepDate)
		s.serveOne(buyer("/buy/paused"))
		time.Sleep(90 * time.Second)
		synctest.Wait()
		_, answers := s.answerPlain([]byte("GET /buy/paused HTTP/1.1\r\nHost: a\r\n\r\n"), nil)
		_, date, _ := bytes.Cut(answers, []byte("Date: "))
		at, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", string(date[:min(len(date), 29)]))
		if late := time.Since(at); err != nil || late < 0 || late > 2*time.Second {
			t.Errorf("%s: %v late, %v", answers, late, err)
		}
	})
}
