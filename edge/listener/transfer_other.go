//go:build unix && (!linux || race)

package listener

import (
	"errors"
	"syscall"
)

// These are the ordinary system calls: other systems have no better ones, and the race detector learns from them what happened
// before what in tests whose clients are in the same process.

// receive reads what has come. errno is EAGAIN if nothing has.
func receive(fd uintptr, b []byte) (n int, errno syscall.Errno) {
	n, err := syscall.Read(int(fd), b)
	if err != nil && !errors.As(err, &errno) {
		errno = syscall.EIO
	}
	return max(n, 0), errno
}

// transmit writes as much as the socket has room for. After an error that is nothing, and the next write says why.
func transmit(fd uintptr, b []byte) (n int) {
	n, _ = syscall.Write(int(fd), b)
	return max(n, 0)
}
