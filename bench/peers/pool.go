package peers

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// pool is a Redis connection pool like the article's: a connection makes one call at a time, and is then given back. A modern
// client would pipeline, or clean up a connection between two users. Both would change the cost of the design, so the pool is
// written out.
type pool struct {
	addr string
	mu   sync.Mutex
	idle []*redisConn
}

type redisConn struct {
	net net.Conn
	in  *bufio.Reader
	out []byte
}

var errReply = errors.New("redis reply")

// do sends one command and reads its integer reply. The connection goes back to the pool unless it broke.
func (p *pool) do(args []string) (int64, error) {
	c, err := p.get()
	if err != nil {
		return 0, err
	}
	n, err := c.call(args)
	if err != nil && !errors.Is(err, errReply) {
		_ = c.net.Close()
		return 0, err
	}
	p.put(c)
	return n, err
}

func (p *pool) get() (*redisConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.idle) - 1; last >= 0 {
		c := p.idle[last]
		p.idle = p.idle[:last]
		return c, nil
	}
	c, err := net.DialTimeout("tcp", p.addr, callTimeout)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	return &redisConn{net: c, in: bufio.NewReader(c)}, nil
}

func (p *pool) put(c *redisConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		_ = c.net.Close()
	}
	p.idle = nil
}

// call makes one command and reads its reply, in RESP2. It understands only an integer or an error.
func (c *redisConn) call(args []string) (int64, error) {
	if err := c.net.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return 0, err
	}
	c.out = appendCommand(c.out[:0], args)
	if _, err := c.net.Write(c.out); err != nil {
		return 0, err
	}
	line, err := c.in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	digits, isInteger := strings.CutPrefix(strings.TrimSuffix(line, "\r\n"), ":")
	if !isInteger {
		return 0, fmt.Errorf("%w: %q", errReply, line)
	}
	return strconv.ParseInt(digits, 10, 64)
}

func appendCommand(b []byte, args []string) []byte {
	b = append(strconv.AppendInt(append(b, '*'), int64(len(args)), 10), "\r\n"...)
	for _, a := range args {
		b = append(strconv.AppendInt(append(b, '$'), int64(len(a)), 10), "\r\n"...)
		b = append(append(b, a...), "\r\n"...)
	}
	return b
}
