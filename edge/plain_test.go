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
	"spike/edge/fastpath"
	"spike/edge/identity"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

var (
	plainRuns = flag.Int("plain", 20_000, "how many random inputs go over the fast path and through fasthttp")
	plainSeed = flag.Uint64("plainseed", 1, "which random inputs")

	near, far = peerAt("127.0.0.1:1"), peerAt("10.0.0.1:1") // a peer that may name buyers, and one that may not
)

const (
	wonKey     = "abcdefghijklmnopqrstuvwxyz" // ann has won under it
	keyHeaders = "X-Buyer-Id: ann\r\nIdempotency-Key: " + wonKey + "\r\n"
)

// plainWorld has a sale in each state.
func plainWorld(t testing.TB, cfg Config) *Server {
	t.Helper()
	cfg.Trusted = identity.TrustedByDefault()
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
	open("limited", ledger.CreateRequest{Total: ledger.MaxSerial, Limit: 1 << 20})
	open("lots", ledger.CreateRequest{Total: 2, Shuffle: time.Hour})
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

var plainSales = []string{"ticket", "kept", "one", "held", "limited", "few", "lots", "early", "paused", "closed", "unheard-of"}

// bytesConn is a connection that reads from a buffer and writes to another.
type bytesConn struct {
	net.Conn
	peer net.Addr
	in   io.Reader
	out  bytes.Buffer
}

func (m *bytesConn) Read(b []byte) (int, error)       { return m.in.Read(b) }
func (m *bytesConn) Write(b []byte) (int, error)      { return m.out.Write(b) }
func (m *bytesConn) Close() error                     { return nil }
func (m *bytesConn) RemoteAddr() net.Addr             { return m.peer }
func (m *bytesConn) LocalAddr() net.Addr              { return peerAt("127.0.0.1:2") }
func (m *bytesConn) SetDeadline(time.Time) error      { return nil }
func (m *bytesConn) SetReadDeadline(time.Time) error  { return nil }
func (m *bytesConn) SetWriteDeadline(time.Time) error { return nil }

var own = regexp.MustCompile(`Date: [^\r]+|"serial":\d+|"reservation":"rsv_\w{42}"|"token":"[\w-]{84}"|` +
	`"expires_at":"[^"]+"|"expires_in_ms":\d+|"opens_in_ms":\d+|"server_time":"[^"]+"|Content-Length: [1-3]\d\d|` +
	`Retry-After: \d{3,}`) // one of three digits counts down

// masked is answers without the parts in which two answers to the same request differ.
func masked(answers []byte) string {
	return own.ReplaceAllStringFunc(string(answers), func(s string) string {
		name, _, _ := strings.Cut(s, ":")
		return name
	})
}

// wantSame sends the input through the fast path and through fasthttp, and compares the answers.
func wantSame(t *testing.T, s *Server, peer net.Addr, in []byte) (plain bool) {
	t.Helper()
	used, got := s.answerPlain(peer, in, nil)
	if used == 0 {
		if len(got) > 0 {
			t.Fatalf("%q: nothing is read, and %q is said", in, got)
		}
		return false
	}
	c := &bytesConn{peer: peer, in: bytes.NewReader(in[:used])}
	if err := s.front().ServeConn(c); err != nil {
		t.Fatalf("%q: fasthttp: %v", in[:used], err)
	}
	if masked(got) != masked(c.out.Bytes()) {
		t.Fatalf("%q\nfast path: %q\nfasthttp:  %q", in[:used], got, c.out.Bytes())
	}
	return true
}

// awaitSoldOut waits until the sale of one unit is sold out for good, so that its verdict changes no more.
func awaitSoldOut(t *testing.T, s *Server) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		_, said := s.answerPlain(near, []byte("GET /buy/one HTTP/1.1\r\nHost: a\r\n\r\n"), nil)
		if len(said) > 0 && !bytes.Contains(said, []byte("Retry-After")) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the only unit is gone for good, and the buyer hears %q", said)
		}
	}
}

// Trap 6: for each request that the fast path answers, fasthttp has the same answer, except for the date and the units. -plain N
// tries N inputs.
func TestFastPathSaysWhatFasthttpSays(t *testing.T) {
	for name, origins := range map[string][]string{"no other site": nil, "another site": {"https://shop.example"}} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig()
			cfg.Origins = origins
			s := plainWorld(t, cfg)
			// They open the sales, and the single units go.
			for _, buyer := range []string{keyHeaders, "X-Buyer-Id: bob\r\n", "X-Buyer-Id: eve\r\n"} {
				for _, sale := range plainSales {
					c := &bytesConn{peer: near, in: strings.NewReader("GET /buy/" + sale + " HTTP/1.1\r\nHost: a\r\n" + buyer + "\r\n")}
					_ = s.front().ServeConn(c)
				}
			}
			awaitSoldOut(t, s)
			random, plain, keyed, heard := rand.New(rand.NewPCG(*plainSeed, uint64(len(origins)))), 0, 0, map[string]bool{}
			for _, sale := range plainSales {
				if _, answers := s.answerPlain(near, []byte("GET /buy/"+sale+" HTTP/1.1\r\nHost: a\r\n\r\n"), nil); len(answers) > 0 {
					heard[sale] = true
				}
			}
			for _, sale := range plainSales {
				if heard[sale] != (sale != "unheard-of") {
					t.Errorf("%s: answered on the fast path: %v", sale, heard[sale])
				}
			}
			for range *plainRuns {
				in, peer := randomInput(random), near
				if random.IntN(3) == 0 {
					peer = far
				}
				if wantSame(t, s, peer, in) {
					plain++
					var q fastpath.Request
					if q.Scan(in); q.Key != nil {
						keyed++
					}
				}
			}
			if t.Logf("%d of %d were plain, %d of them with a key; heard of %v", plain, *plainRuns, keyed, heard); plain < *plainRuns/20 ||
				keyed < *plainRuns/200 {
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
		for range pick("", "", "", "1", "1", "1", "1", "22") {
			in = append(in, pick("X-Buyer-Id: ann\r\n", "X-Buyer-Id: bob\r\n", "X-Buyer-Id: a b\r\n", "", "", "")...)
			in = append(in, pick("", "Idempotency-Key: "+wonKey+"\r\n", "Idempotency-Key: "+wonKey+"\r\n", "idempotency-key:k\r\n",
				"Idempotency-Key: \"0123456789012345678901\" \r\n", "Idempotency-Key: \"012345678901234567890\"\r\n",
				"Idempotency-Key: 0123456789012345678901 a\r\n", "IDEMPOTENCY-KEY: "+strings.Repeat("k", 253+r.IntN(5))+"\r\n",
				fmt.Sprintf("Idempotency-Key: %022d\r\n", r.IntN(1000)))...)
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

// Buys on the fast path are counted as others are, those that wait for the ledger as well. A buy that must wait is answered
// alone: behind others it is left to fasthttp, and nothing has been done.
func TestFastPathCountsAndLeavesTheRest(t *testing.T) {
	s := plainWorld(t, testConfig())
	ask := func(sale, headers string) bool {
		used, _ := s.answerPlain(near, []byte("GET /buy/"+sale+" HTTP/1.1\r\nHost: a\r\n"+headers+"\r\n"), nil)
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
	for _, c := range []struct {
		sale, headers string
		want          buy.Outcome
	}{
		{"ticket", "X-Buyer-Id: ann\r\n", buy.Won}, {"ticket", keyHeaders, buy.Won}, {"limited", "X-Buyer-Id: ann\r\n", buy.Won},
		{"limited", "", buy.NoBuyer}, {"limited", keyHeaders, buy.Won}, {"lots", "X-Buyer-Id: ann\r\n", buy.Entered},
		{"early", "", buy.Unopened}, {"paused", keyHeaders, buy.Paused}, {"closed", keyHeaders, buy.Closed},
	} {
		before := tally(c.sale, c.want)
		in := "GET /buy/" + c.sale + " HTTP/1.1\r\nHost: a\r\n" + c.headers + "\r\n"
		if used, said := s.answerPlain(near, []byte(in), nil); used != len(in) || tally(c.sale, c.want) != before+1 {
			t.Errorf("%s %q: %d bytes used, %q said, %d counted", c.sale, c.headers, used, said, tally(c.sale, c.want)-before)
		}
	}
	first := "GET /buy/ticket HTTP/1.1\r\nHost: a\r\n\r\n"
	before = tally("ticket", buy.Won)
	second := strings.Replace(first, "\r\n\r\n", "\r\nIdempotency-Key: 01234567890123456789ab\r\n\r\n", 1)
	if used, _ := s.answerPlain(near, []byte(first+second), nil); used != len(first) || tally("ticket", buy.Won) != before+1 {
		t.Errorf("%d bytes used of %d and %d, %d counted", used, len(first), len(second), tally("ticket", buy.Won)-before)
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
		_, answers := s.answerPlain(near, []byte("GET /buy/paused HTTP/1.1\r\nHost: a\r\n\r\n"), nil)
		_, date, _ := bytes.Cut(answers, []byte("Date: "))
		at, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", string(date[:min(len(date), 29)]))
		if late := time.Since(at); err != nil || late < 0 || late > 2*time.Second {
			t.Errorf("%s: %v late, %v", answers, late, err)
		}
	})
}
