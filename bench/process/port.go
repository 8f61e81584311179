package process

import (
	"context"
	"fmt"
	"net"
	"net/http"
)

// FreeAddr is a loopback address nobody listened on a moment ago. Somebody may take it before it is used:
// a server that cannot listen ends, and [Process.Ready] says so.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Answers is a probe for [Process.Ready]: an HTTP GET of url is answered with status.
func Answers(url string, status int) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != status {
			return fmt.Errorf("%s: %s", url, resp.Status)
		}
		return nil
	}
}
