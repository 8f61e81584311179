package gatecost

import (
	"fmt"
	"os"
	"path/filepath"

	"spike/bench/crowd"
)

// manySales is a script for wrk: each request asks for a random sale. All requests are made beforehand, so that the crowd's
// work does not hold the server back.
const manySales = `
local sales, all = %d, {}
init = function()
  for i = 0, sales - 1 do all[i + 1] = wrk.format("GET", string.format("/buy/sale-%%05d", i)) end
end
request = function() return all[math.random(sales)] end
`

// wrk writes the script, and returns wrk on one thread.
func wrk(o Options, dir string, sales int) (crowd.Wrk, error) {
	w := crowd.Wrk{Script: filepath.Join(dir, "sales.lua"), Threads: 1, Connections: o.Connections, Duration: o.Duration}
	if err := os.WriteFile(w.Script, fmt.Appendf(nil, manySales, sales), 0o600); err != nil {
		return w, fmt.Errorf("script for wrk: %w", err)
	}
	return w, nil
}
