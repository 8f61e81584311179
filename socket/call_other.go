//go:build unix && (!linux || race)

package socket

import (
	"errors"
	"syscall"
)

// The race detector learns from these calls what happened before what, in tests whose clients are in the same process.

// Receive reads what has come. errno is EAGAIN if nothing has. At the end of the stream n is 0.
func Receive(fd uintptr, b []byte) (n int, errno syscall.Errno) {
	return result(syscall.Read(int(fd), b))
}

// Transmit writes as much as the socket has room for. errno is EAGAIN if it has none.
func Transmit(fd uintptr, b []byte) (n int, errno syscall.Errno) {
	return result(syscall.Write(int(fd), b))
}

func result(n int, err error) (int, syscall.Errno) {
	var errno syscall.Errno
	if err != nil && !errors.As(err, &errno) {
		errno = syscall.EIO
	}
	return max(n, 0), errno
}
