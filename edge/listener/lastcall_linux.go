package listener

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// noSYN is a filter for a listening socket. It drops the segments that open a connection: SYN without ACK.
var noSYN = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},                  // the flags of the TCP header
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0x12},               // SYN and ACK
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x02, Jt: 0, Jf: 1}, // SYN alone
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},                                 // drop it
	{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 18},                           // take any other segment whole
}

// shutOut keeps new connections out of a listener's queue.
func shutOut(l *net.TCPListener) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(noSYN)), Filter: &noSYN[0]})
	})
	if err == nil && set != nil {
		err = fmt.Errorf("filter: %w", set)
	}
	return err
}
