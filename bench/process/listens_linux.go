package process

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// listening is the state of a listening socket in /proc/net/tcp.
const listening = "0A"

// Listens checks that a process or a child of it listens on an address, because another server may answer there. nil: it
// does.
func Listens(pid int, addr string) error {
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return fmt.Errorf("port %q: %w", text, err)
	}
	sockets, err := listeners(pid, port)
	if err != nil {
		return err
	}
	for _, one := range Family(pid) {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", one))
		for _, file := range files {
			if to, err := os.Readlink(file); err == nil && slices.Contains(sockets, to) {
				return nil
			}
		}
	}
	return fmt.Errorf("process %d does not listen on %s; somebody else: %v", pid, addr, len(sockets) > 0)
}

// listeners returns the sockets that listen on a port, in the network of a process.
func listeners(pid int, port uint64) (sockets []string, err error) {
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			return nil, err
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			f := strings.Fields(lines.Text())
			if len(f) > 9 && f[3] == listening && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
				sockets = append(sockets, "socket:["+f[9]+"]")
			}
		}
	}
	return sockets, nil
}

// Family returns a process and its children.
func Family(pid int) []int {
	all := []int{pid}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for word := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				all = append(all, child)
			}
		}
	}
	return all
}
