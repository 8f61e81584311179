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

// When a listener is closed, the kernel resets the connections in its queue. So before the close no new connection enters the
// queue, and the queue is emptied. (On Linux a SYN is dropped, and the client's next SYN is refused.)
//
// A socket that the service manager has handed over stays open, and its queue is the next process'. So this process only takes
// no more from it. A filter on it would shut out the next process' buyers, too.

const (
	// After so long without a connection the queue is empty, because a half-open connection is only one way of the wire behind.
	quietFor   = time.Millisecond
	finishMost = time.Second // how long Finish may take
)

// ErrListen says that an address cannot be listened on.
var ErrListen = errors.New("cannot listen")

// Listen listens on a TCP address. Its error is ErrListen.
func Listen(addr string) (*net.TCPListener, error) {
	var tcp net.ListenConfig
	tcp.SetMultipathTCP(false) // with it Linux takes no filter (LastCall)
	l, err := tcp.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w on %s: %w", ErrListen, addr, err)
	}
	return l.(*net.TCPListener), nil
}

// LastCall is a listener whose queue can be emptied before the close.
type LastCall struct {
	*net.TCPListener
	stays  bool        // the socket is handed on with its queue
	taken  atomic.Bool // a connection came since the last look
	closed sync.Once
	empty  chan struct{}
}

// NewLastCall takes l over. stays says that others hold the socket, too, and hand it on.
func NewLastCall(l *net.TCPListener, stays bool) *LastCall {
	return &LastCall{TCPListener: l, stays: stays, empty: make(chan struct{})}
}

// Accept returns connections. After Finish was called, it returns them until the queue is empty.
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
		if err = l.SetDeadline(time.Now().Add(quietFor)); err != nil {
			return nil, err
		}
	}
}

// Finish waits until Accept has emptied the queue, and closes the listener. If the socket stays, so does what is in the queue.
func (l *LastCall) Finish(ctx context.Context) error {
	if l.stays {
		return l.Close()
	}
	err := shutOut(l.TCPListener)
	l.taken.Store(true)
	if e := l.SetDeadline(time.Now().Add(quietFor)); e == nil {
		most, cancel := context.WithTimeout(ctx, finishMost)
		defer cancel()
		select {
		case <-l.empty:
		case <-most.Done():
		}
	}
	return errors.Join(err, l.Close())
}

// Close closes the listener once.
func (l *LastCall) Close() (err error) {
	l.closed.Do(func() { err = l.TCPListener.Close() })
	return err
}
