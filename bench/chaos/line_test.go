package chaos

import (
	"bufio"
	"context"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// line is one client's kept-alive connection to a listener. It sends nothing twice.
type line struct {
	addr    string
	timeout time.Duration
	in      *bufio.Reader
	out     *bufio.Writer
	request fasthttp.Request
	answer  fasthttp.Response

	mu   sync.Mutex // guards the two below against hangUp
	conn net.Conn
	over bool
}

func newLine(addr string, timeout time.Duration) *line {
	return &line{addr: addr, timeout: timeout, in: bufio.NewReader(nil), out: bufio.NewWriter(nil)}
}

// header is a field of a request.
type header struct{ name, value string }

// ask makes one exchange. If sent is false, the listener never saw the request. The answer is valid until the next exchange.
func (l *line) ask(method, path string, headers ...header) (answer *fasthttp.Response, sent bool, err error) {
	if err = l.dial(); err != nil {
		return nil, false, err
	}
	l.request.Reset()
	for _, h := range headers {
		l.request.Header.Set(h.name, h.value)
	}
	l.request.Header.SetMethod(method)
	l.request.SetRequestURI("http://" + l.addr + path)
	if err = l.exchange(); err != nil || l.answer.ConnectionClose() {
		l.close()
	}
	return &l.answer, true, err
}

func (l *line) exchange() error {
	_ = l.conn.SetDeadline(time.Now().Add(l.timeout))
	if err := l.request.Write(l.out); err != nil {
		return err
	}
	if err := l.out.Flush(); err != nil {
		return err
	}
	return l.answer.Read(l.in)
}

func (l *line) dial() error {
	if l.conn != nil {
		return nil
	}
	conn, err := net.DialTimeout("tcp", l.addr, l.timeout)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		_ = conn.Close()
		return context.Canceled
	}
	l.conn = conn
	l.in.Reset(conn)
	l.out.Reset(conn)
	return nil
}

func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.conn.Close()
	l.conn = nil
}

// hangUp ends the line for good, from another goroutine.
func (l *line) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.conn != nil {
		_ = l.conn.Close() // ask sees the error and clears the field
	}
}
