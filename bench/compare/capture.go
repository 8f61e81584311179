package compare

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// capture sends one request and returns the answer as it came over the wire.
func capture(ctx context.Context, addr, path string) ([]byte, error) {
	const limit = 2 * time.Second
	d := net.Dialer{Timeout: limit}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	defer c.Close()
	if err = c.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	if _, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, addr); err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	var raw bytes.Buffer
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, &raw)), nil)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	defer resp.Body.Close()
	if _, err = io.Copy(io.Discard, resp.Body); err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	return raw.Bytes(), nil
}

// hasCode says whether a JSON body has this number under "code".
func hasCode(body []byte, want int) bool {
	var answer struct {
		Code *int `json:"code"`
	}
	return json.Unmarshal(body, &answer) == nil && answer.Code != nil && *answer.Code == want
}
