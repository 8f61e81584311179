package edge

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"spike/edge/answer"
	"spike/edge/listener"
	"spike/edge/token"
)

var update = flag.Bool("update", false, "write testdata/answers anew")

// answerFiles is the formats of answers. Each has a file with every request of the table in that format, and the raw bytes of its
// answer.
var answerFiles = []struct{ file, lang, version string }{
	{"article-zh.http", "zh", "buyByGet"}, {"article-en.http", "en", "buyByPost"}, {"v1.http", "zh", ""},
}

// TestAnswersAreWhatTheyWere compares raw answers, byte for byte. Clock, random numbers and the store are the same in each run.
// Of a token only serials and buyer are compared, because earlier fences and the lag of ledger time depend on the Keeper.
func TestAnswersAreWhatTheyWere(t *testing.T) {
	for _, f := range answerFiles {
		t.Run(f.file, func(t *testing.T) {
			got := rawAnswers(t, f.lang, func(op string) bool {
				return op == f.version || f.version == "" && !strings.HasPrefix(op, "buyBy")
			}, f.version == "")
			path := filepath.Join("testdata", "answers", f.file)
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s (-update writes it anew):\n%s", path, firstDifference(got, want))
			}
		})
	}
}

// firstDifference is the first exchanges that differ.
func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n### "), strings.Split(string(want), "\n### ")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("got %s\nwant %s", g[i], w[i])
		}
	}
	return fmt.Sprintf("%d exchanges, want %d", len(g), len(w))
}

// rawAnswers is the requests for which wanted is true, and their answers.
func rawAnswers(t *testing.T, lang string, wanted func(op string) bool, oddities bool) []byte {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one lane: serials come in order
	cryptotest.SetGlobalRandom(t, 1)
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.up.article, w.down.article = answer.Article(lang, w.up.signer, answer.Spread{}), answer.Article(lang, w.up.signer,
			answer.Spread{})
		up, down := newWire(t, w.up.Server), newWire(t, w.down.Server)
		begun := time.Now().Truncate(time.Minute)
		for i, c := range apiCases() {
			if !wanted(c.op) || w.operations[c.op].sides()[0] != 0 {
				continue
			}
			// Each request has a moment of its own, however long earlier requests took. The ledger has heard of all earlier buys.
			time.Sleep(time.Until(begun.Add(time.Minute + time.Duration(i)*10*time.Second)))
			wire := up
			if c.down {
				wire = down
			}
			wire.exchange(&out, w.wireRequest(t, c))
		}
		if oddities {
			for _, request := range oddRequests {
				up.exchange(&out, []byte(request))
			}
			fmt.Fprintf(&out, "### one connection too many from a source\n%s\n\n### one connection too many\n%s\n\n", tooMany.Here,
				tooMany.All)
			w.up.draining.Store(true)
			up.exchange(&out, []byte("GET /buy/closed HTTP/1.1\r\nHost: a\r\n\r\n"))
		}
	})
	return bytes.ReplaceAll(readTokens(out.Bytes()), []byte("\r\n"), []byte("\n"))
}

var secretText = regexp.MustCompile(`[A-Za-z0-9_-]{84}|[A-Za-z0-9_-]{48}`)

var (
	expiry = regexp.MustCompile(`"expires_at":"2000-01-01T01:\d\d:\d\dZ"`)
	left   = regexp.MustCompile(`"expires_in_ms":(3[0-6]\d{5}|[12]\d{6})`)
)
var reservationID = regexp.MustCompile(`rsv_[0-9a-f]{42}`) // TestWinSaysWhatItIs compares it with the token

// readTokens replaces tokens and tickets by their content.
func readTokens(text []byte) []byte {
	signer := token.NewSigner(make([]byte, token.MinKey)) // testServer's
	text = expiry.ReplaceAll(text, []byte(`"expires_at":"(a second)"`))
	text = left.ReplaceAll(text, []byte(`"expires_in_ms":(an hour)`))
	text = reservationID.ReplaceAll(text, []byte("(a reservation's id)"))
	return secretText.ReplaceAllFunc(text, func(secret []byte) []byte {
		if t, err := signer.Parse(secret); err == nil {
			return fmt.Appendf(nil, "(token of serial %d, count %d, buyer %x)", t.Serial, t.Count, t.Buyer)
		}
		if t, err := signer.ParseTicket(secret); err == nil {
			return fmt.Appendf(nil, "(ticket of buyer %x)", t.Buyer)
		}
		return secret
	})
}

// oddRequests have the same answers in all formats.
var oddRequests = []string{
	"HEAD /v1/sales/ticket HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"PATCH /buy/ticket HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"GET /v1/sales/ticket/reservations HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"POST /v1/sales/ticket HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
	"POST /v1/reservations/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
	"GET /v1/reservations/x/cancel HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"PUT /openapi.yaml HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
	"GET /elsewhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"GET /buy/closed HTTP/1.0\r\nHost: a\r\n\r\n",
	"GET /buy/a%2Fb HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"GET /buy/clo%73ed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"POST /buy/closed HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nn=2",
	"POST /buy/closed?n=2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nn=2",
	"GET /buy/closed HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Buyer-Id: a\r\nX-Buyer-Id: b\r\n\r\n",
	"GET /buy/closed HTTP/1.1\r\nHost: a\r\nConnection: close\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n",
	"POST /buy/closed HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET /buy/closed HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", listener.MaxHeader) + "\r\n\r\n",
	"POST /buy/closed HTTP/1.1\r\nHost: a\r\nContent-Length: 16385\r\n\r\n" + strings.Repeat("x", 16385),
	"nonsense\r\n\r\n",
}

// wireRequest is a case's request as bytes.
func (w *world) wireRequest(t *testing.T, c apiCase) []byte {
	r := w.request(t, c)
	r.Header.Set("Connection", "close")
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	return wire.Bytes()
}

// wire is an edge behind connections in memory, which come from this machine.
type wire struct{ *fasthttputil.InmemoryListener }

func newWire(t *testing.T, s *Server) wire {
	l := wire{fasthttputil.NewInmemoryListener()}
	front, ended := s.front(), make(chan error)
	go func() { ended <- front.Serve(local{l}) }()
	t.Cleanup(func() {
		_ = front.Shutdown()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // fasthttp's workers check now and then whether they must end
	})
	return l
}

// local says that connections come from this machine.
type local struct{ net.Listener }

func (l local) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return addrOnly{Conn: c, peer: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}}, nil
}

var (
	dateLine = regexp.MustCompile(`\r\nDate: [^\r]*`)
	yamlBody = regexp.MustCompile(`(?s)(Content-Type: application/yaml.*\r\n\r\n).*`)
	yamlMark = regexp.MustCompile(`((?i:etag): "|W/"|If-None-Match: ")[0-9a-f]{16}"|Content-Length: \d{5,}`)
	longRun  = regexp.MustCompile(`x{300,}`)
)

// exchange notes a request and its answer, without the headers that differ from day to day.
func (l wire) exchange(out *bytes.Buffer, request []byte) {
	c, err := l.Dial()
	if err != nil {
		panic(err)
	}
	go func() { _, _ = c.Write(request) }()
	_ = c.SetReadDeadline(time.Now().Add(http.DefaultClient.Timeout + time.Minute))
	answer, _ := io.ReadAll(c)
	_ = c.Close()
	synctest.Wait()
	answer = dateLine.ReplaceAll(answer, nil)
	if yamlBody.Match(answer) {
		answer = yamlMark.ReplaceAll(yamlBody.ReplaceAll(answer, []byte("$1(openapi.yaml)")), []byte("$1…"))
	}
	request = yamlMark.ReplaceAll(longRun.ReplaceAll(request, []byte("xxx…")), []byte("$1…"))
	fmt.Fprintf(out, "### %s\n%s\n\n", bytes.TrimSpace(request), yamlMark.ReplaceAll(answer, []byte("$1…")))
}
