package listener

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// A socket that is handed on keeps its queue: who is in it, and who comes while nobody accepts, is the next process' buyer.
func TestQueueIsHandedOn(t *testing.T) {
	t.Parallel()
	socket, err := Listen("127.0.0.1:0") // as the service manager holds it
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	first := NewLastCall(inherit(t, socket), true)
	waits := dial(t, socket)
	if err := first.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	comes := dial(t, socket)
	next := NewLastCall(inherit(t, socket), true)
	defer func() { _ = next.Close() }()
	for _, buyer := range []net.Conn{waits, comes} {
		c, err := next.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte("hello"))
		_ = c.Close()
		_ = buyer.SetDeadline(time.Now().Add(30 * time.Second))
		if said, err := io.ReadAll(buyer); err != nil || string(said) != "hello" {
			t.Errorf("%q %v", said, err)
		}
	}
}

// inherit is the socket in another process' hands.
func inherit(t *testing.T, l *net.TCPListener) *net.TCPListener {
	t.Helper()
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	other, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	return other.(*net.TCPListener)
}

func dial(t *testing.T, l *net.TCPListener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
