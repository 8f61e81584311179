package gatecost

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"spike/bench"
	"spike/bench/generator"
)

// grace is how much longer than asked wrk may take: for connecting, and for the last answers.
const grace = 15 * time.Second

// manySales is a script for wrk: each request asks for a random sale. All requests are made beforehand, so that the crowd's
// work does not hold the server back.
const manySales = `
local sales, all = %d, {}
init = function()
  for i = 0, sales - 1 do all[i + 1] = wrk.format("GET", string.format("/buy/sale-%%05d", i)) end
end
request = function() return all[math.random(sales)] end
`

// crowd is wrk on one thread.
type crowd struct {
	script      string
	connections int
	duration    time.Duration
}

func newCrowd(o Options, dir string, sales int) (crowd, error) {
	c := crowd{filepath.Join(dir, "sales.lua"), o.Connections, o.Duration}
	if err := os.WriteFile(c.script, fmt.Appendf(nil, manySales, sales), 0o600); err != nil {
		return c, fmt.Errorf("script for wrk: %w", err)
	}
	return c, nil
}

// run loads one server.
func (c crowd) run(ctx context.Context, addr string) (generator.Measurement, error) {
	path, err := bench.Tool("wrk")
	if err != nil {
		return generator.Measurement{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.duration+grace)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, path, "--latency", "-t1", fmt.Sprintf("-c%d", c.connections),
		fmt.Sprintf("-d%ds", int(c.duration.Seconds())), "-s", c.script, "http://"+addr)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err = cmd.Run(); err != nil {
		return generator.Measurement{}, fmt.Errorf("wrk: %w: %s", err, errs.String())
	}
	return generator.ParseWrk(out.String())
}
