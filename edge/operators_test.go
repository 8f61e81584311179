package edge

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"spike/edge/identity"
	"spike/edge/internal/storetest"
	"spike/edge/internal/wiretest"
	"spike/edge/listener"
	"spike/edge/ringdir"
	"spike/order/loopback"
)

// showSale reads a sale on the operators' side, with the token.
func showSale(c net.Conn, token string) error {
	fmt.Fprintf(c, "GET /api/v1/sales/ticket HTTP/1.1\r\nHost: e\r\nAuthorization: Bearer %s\r\n\r\n", token)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	if _, err := io.ReadAll(r.Body); err != nil || r.StatusCode != http.StatusOK {
		return fmt.Errorf("%d %w", r.StatusCode, err)
	}
	return nil
}

// Row A5: connections without the token never keep one with it out of the operators' side, even if they are idle, slow or many.
func TestA5StrangersKeepNoOperatorOut(t *testing.T) {
	const token = "the-operators-token"
	cfg := testConfig()
	cfg.AdminTokens = loopback.NewTokens(token)
	s := testServer(t, cfg, storetest.Embedded(t, 10, time.Minute))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	back, all := s.operators().Server(), listener.NewVisitors(identity.NewWho(identity.TrustedByDefault(), nil).Trusts)
	go func() { _ = back.Serve(all.Listener(l)) }()
	defer func() { _ = back.Close() }()

	knock := func(text string) net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		fmt.Fprint(c, text)
		return c
	}
	old := knock("")
	if err := showSale(old, token); err != nil {
		t.Fatal("the first connection:", err)
	}
	for name, text := range map[string]string{
		"silent": "", "idle": "GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n", "half a header": "GET /healthz HTTP/1.1\r\nHo",
		"half a body":   "POST /healthz HTTP/1.1\r\nHost: e\r\nContent-Length: 9\r\n\r\nx",
		"a wrong token": "GET /metrics HTTP/1.1\r\nHost: e\r\nAuthorization: Bearer guess\r\n\r\n",
	} {
		for range 3 * listener.StrangersMost {
			knock(text)
		}
		if err := showSale(knock(""), token); err != nil {
			t.Errorf("%s: a new connection with the token: %v", name, err)
		}
		if err := showSale(old, token); err != nil {
			t.Errorf("%s: the known connection: %v", name, err)
		}
	}
	if strangers, known := all.Count(); strangers > listener.StrangersMost || known > 6 {
		t.Errorf("%d strangers, %d known", strangers, known)
	}
}

func peerAt(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }

// The operators' side cuts off clients who never end their request, with the token or without, and clients who send too much.
func TestSlowOperatorsAreEnded(t *testing.T) {
	for _, token := range []string{"", "secret"} {
		synctest.Test(t, func(t *testing.T) {
			cfg := testConfig()
			cfg.AdminTokens = loopback.NewTokens(token)
			s := newServer(t.Context(), cfg, &shelf{}, &ringdir.Dir{}, zerolog.Nop(), make([]byte, 32))
			here, there := net.Pipe()
			back := &http.Server{Handler: s.operators().Handler(), ReadHeaderTimeout: listener.ReadTimeout,
				IdleTimeout: listener.IdleTimeout}
			served := make(chan error, 1)
			once := &pipeListener{conns: make(chan net.Conn, 1), addr: peerAt("127.0.0.1:1")}
			once.conns <- here
			go func() { served <- back.Serve(once) }()
			begin := time.Now()
			status, body := wiretest.OneAnswer(t, there, "POST /api/v1/sales HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
			if status != 408 || !strings.Contains(body, `"code":"too_slow"`) {
				t.Errorf("%d %s", status, body)
			}
			if took := time.Since(begin); took > listener.ReadTimeout+time.Second { // of the bubble's own time
				t.Errorf("after %v", took)
			}
			if _, err := there.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("still open: %v", err)
			}
			_ = there.Close()
			_, _ = back.Close(), <-served
			s.sales.Running.End()
		})
	}
}

// pipeListener is a listener with one connection.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	addr  net.Addr
}

func (l *pipeListener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.conns) }); return nil }
func (l *pipeListener) Addr() net.Addr { return l.addr }
