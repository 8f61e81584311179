package edge

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spike/edge/internal/storetest"
)

// Row A7: a request with Content-Length and Transfer-Encoding is refused, and its connection ends before more is read.
func TestA7TwoLengthsAreRefused(t *testing.T) {
	s := testServer(t, testConfig(), storetest.Embedded(t, 100, time.Minute))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front := s.front()
	front.MaxIdleWorkerDuration = 10 * time.Millisecond // its janitor sleeps so long, after the end too
	go func() { _ = front.Serve(l) }()
	defer func() { _ = front.Shutdown() }()
	const post, buy = "POST /buy/ticket HTTP/1.1\r\nHost: a\r\n", "GET /buy/ticket HTTP/1.1\r\nHost: a\r\n\r\n"
	for name, c := range map[string]struct {
		request string
		answers string
	}{
		"length first":   {post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "400"},
		"chunks first":   {post + "Transfer-Encoding: chunked\r\ncontent-length:4\r\n\r\n1\r\na\r\n0\r\n\r\n", "400"},
		"an empty body":  {post + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		"chunks alone":   {post + "X-Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "200 200"},
		"a length alone": {post + "Content-Length: 1\r\n\r\na", "200 200"},
		"the path of it": {strings.Replace(post, "/buy/ticket", "/%20doubly%20framed", 1) + "\r\n", "404 200"},
	} {
		c1, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c1.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.WriteString(c1, c.request+strings.Replace(buy, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)); err != nil {
			t.Fatal(err)
		}
		var answers []string
		for in := bufio.NewReader(c1); ; {
			r, err := http.ReadResponse(in, nil)
			if err != nil {
				break
			}
			_, _ = io.ReadAll(r.Body)
			_ = r.Body.Close()
			answers = append(answers, r.Status[:3])
		}
		_ = c1.Close()
		if got := strings.Join(answers, " "); got != c.answers {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Row A7: only its owner may read the decision log.
func TestA7TheDecisionLogIsPrivate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stat.log")
	d, err := openDecisions(file)
	if err != nil {
		t.Fatal(err)
	}
	d.finish()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}
