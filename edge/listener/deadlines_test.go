package listener

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// counted counts the timers a connection sets.
type counted struct {
	net.Conn
	set int
}

func (c *counted) SetReadDeadline(t time.Time) error {
	c.set++
	return c.Conn.SetReadDeadline(t)
}

func pipe(t *testing.T) (*coarseConn, *counted, net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { _ = here.Close(); _ = there.Close() })
	c := &counted{Conn: here}
	return &coarseConn{Conn: c}, c, there
}

func TestDeadlinesStillEnd(t *testing.T) {
	c, _, _ := pipe(t)
	_ = c.SetReadDeadline(time.Now().Add(time.Hour))
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // an earlier deadline counts at once
	start := time.Now()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("read: %v after %v", err, time.Since(start))
	}
	_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %v", err)
	}
}

func TestDeadlinesOfManyRequestsAreOneTimer(t *testing.T) {
	c, inner, peer := pipe(t)
	go func() {
		for range 1000 {
			_, _ = peer.Write([]byte("x"))
		}
	}()
	now := time.Now()
	for i := range 1000 { // as fasthttp does: an idle deadline, then a read deadline
		_ = c.SetReadDeadline(now.Add(time.Minute + time.Duration(i)*time.Microsecond))
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(now.Add(10 * time.Second))
	}
	if inner.set != 1 {
		t.Errorf("%d timers for 1000 requests in a millisecond", inner.set)
	}
}
