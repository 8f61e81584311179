package listener

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// When a listener is closed, the kernel resets what it has accepted and nobody has taken yet. So before it is closed, nobody new
// is let in (linux: a SYN is dropped, and the client's next one is refused), and the queue is emptied.

const (
	lullFor    = time.Millisecond // without a connection the queue is empty: half-open ones are a way of the wire behind
	finishMost = time.Second      // for all of it
)

// ErrListen says that an address cannot be listened on.
var ErrListen = errors.New("cannot listen")

// Listen listens on a TCP address: ErrListen.
func Listen(addr string) (*net.TCPListener, error) {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // of it Linux takes no filter (LastCall)
	l, err := plain.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w on %s: %w", ErrListen, addr, err)
	}
	return l.(*net.TCPListener), nil // a listener on tcp is one
}

// LastCall can be emptied before it is closed.
type LastCall struct {
	*net.TCPListener
	taken  atomic.Bool // something came since it was looked at
	closed sync.Once
	empty  chan struct{}
}

// NewLastCall takes l over.
func NewLastCall(l *net.TCPListener) *LastCall {
	return &LastCall{TCPListener: l, empty: make(chan struct{})}
}

// Accept gives connections until the queue is empty, once Finish was called.
func (l *LastCall) Accept() (net.Conn, error) {
	for {
		c, err := l.TCPListener.Accept()
		switch {
		case err == nil:
			l.taken.Store(true)
			return c, nil
		case !errors.Is(err, os.ErrDeadlineExceeded): // only Finish sets deadlines
			return nil, err
		case !l.taken.Swap(false):
			close(l.empty)
			return nil, net.ErrClosed
		}
		if err = l.SetDeadline(time.Now().Add(lullFor)); err != nil {
			return nil, err
		}
	}
}

// Finish has what is in the queue accepted, and closes it.
func (l *LastCall) Finish(ctx context.Context) error {
	err := shutOut(l.TCPListener)
	l.taken.Store(true)
	if e := l.SetDeadline(time.Now().Add(lullFor)); e == nil {
		most, cancel := context.WithTimeout(ctx, finishMost)
		defer cancel()
		select {
		case <-l.empty:
		case <-most.Done():
		}
	}
	return errors.Join(err, l.Close())
}

// Close closes it, the first time.
func (l *LastCall) Close() (err error) {
	l.closed.Do(func() { err = l.TCPListener.Close() })
	return err
}
