package manager

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// costlessBuy is a buy of a sale that no store can have, because of its name. So it costs no unit and no call, and counts
// nowhere.
const costlessBuy = "/buy/.watchdog"

// mostStatus bounds what is read of an answer, in bytes.
const mostStatus = 4 << 10

// Answers asks twice over one connection. The server must accept it, and read and answer both requests: an edge's HTTP server
// reads the first, and its fast path the second. A server that answers lives, by any status. Its error says what it did not do.
func Answers(ctx context.Context, addr net.Addr, path string) error {
	_, err := ask(ctx, addr, path, 2)
	if err != nil {
		return fmt.Errorf("%s at %s: %w", path, addr, err)
	}
	return nil
}

// status is what /readyz says: the first line, or the detail of a problem. "": it says nothing.
func status(ctx context.Context, side net.Addr) string {
	text, _ := ask(ctx, side, "/readyz", 1)
	var problem struct{ Detail string }
	if json.Unmarshal([]byte(text), &problem) == nil {
		text = problem.Detail
	}
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// ask sends requests over one connection, one after the other, until the server closes it. It returns the last answer's body.
func ask(ctx context.Context, addr net.Addr, path string, times int) (text string, err error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr.String()) // an unspecified address is this machine
	if err != nil {
		return "", err
	}
	defer c.Close()
	if end, has := ctx.Deadline(); has {
		_ = c.SetDeadline(end)
	}
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	in, last := bufio.NewReader(c), false
	for n := 0; n < times && !last && err == nil; n++ {
		if _, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path); err == nil {
			text, last, err = readAnswer(in)
		}
	}
	return text, err
}

// readAnswer reads one answer. last says that the server ends the connection.
func readAnswer(in *bufio.Reader) (text string, last bool, err error) {
	a, err := http.ReadResponse(in, nil)
	if err != nil {
		return "", false, err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(io.LimitReader(a.Body, mostStatus))
	return string(body), a.Close, err
}
