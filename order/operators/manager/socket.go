package manager

import (
	"errors"
	"fmt"
	"net"

	"github.com/coreos/go-systemd/v22/activation"
)

// ErrSocket is a socket that was handed over and cannot be used.
var ErrSocket = errors.New("service manager: its socket")

// Socket returns the listening TCP socket that the manager has handed over; nil: it has handed over none. The manager keeps it
// open, and gives it to the next process. More than one call finds none. An error wraps ErrSocket.
func Socket() (*net.TCPListener, error) {
	files := activation.Files(true)
	if len(files) == 0 {
		return nil, nil
	}
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	if len(files) > 1 {
		return nil, fmt.Errorf("%w: there are %d, and buyers have one: a socket unit has one ListenStream=", ErrSocket, len(files))
	}
	l, err := net.FileListener(files[0])
	if err != nil {
		return nil, fmt.Errorf("%w does not listen: %w", ErrSocket, err)
	}
	tcp, is := l.(*net.TCPListener)
	if !is {
		_ = l.Close()
		return nil, fmt.Errorf("%w is %s, and buyers come by TCP", ErrSocket, l.Addr().Network())
	}
	return tcp, nil
}
