package check

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"spike/bench"
	"spike/bench/crowd"
)

// Ready asks a program's operators' side whether it is ready. Its error wraps bench.ErrUsage (no address), or
// bench.ErrDependency (nobody answers).
func Ready(ctx context.Context, admin string) (Finding, error) {
	if _, _, err := net.SplitHostPort(admin); err != nil {
		return Finding{}, fmt.Errorf("%w: --admin %q is not HOST:PORT", bench.ErrUsage, admin)
	}
	c := crowd.NewConn(ctx, admin, 2*time.Second, nil)
	defer c.Close()
	a, err := c.Ask("GET", "/readyz")
	if err != nil {
		return Finding{}, fmt.Errorf("%w: %w", bench.ErrDependency, err)
	}
	if a.Status != 200 {
		return Fail("%s is not ready: %s", admin, strings.TrimSpace(a.String())), nil
	}
	return OK("%s is ready", admin), nil
}
