package check

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"spike/bench"
)

// Ready asks a program's operators' side whether it is ready. Its error wraps bench.ErrUsage (no address), or
// bench.ErrDependency (nobody answers).
func Ready(ctx context.Context, admin string) (Finding, error) {
	if _, _, err := net.SplitHostPort(admin); err != nil {
		return Finding{}, fmt.Errorf("%w: --admin %q is not HOST:PORT", bench.ErrUsage, admin)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/readyz", nil)
	if err != nil {
		return Finding{}, fmt.Errorf("%w: --admin: %w", bench.ErrUsage, err)
	}
	a, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(q)
	if err != nil {
		return Finding{}, fmt.Errorf("%w: %w", bench.ErrDependency, err)
	}
	defer a.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(a.Body, 4<<10))
	why := strings.TrimSpace(string(body))
	if a.StatusCode != http.StatusOK {
		return Fail("%s is not ready: %d %s", admin, a.StatusCode, why), nil
	}
	return OK("%s is ready", admin), nil
}
