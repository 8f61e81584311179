package front

import "time"

// Cost is CPU time by its spender, without the crowd's.
type Cost struct {
	Nginx   time.Duration `json:"nginx_ns"` // master and workers
	Servers time.Duration `json:"servers_ns"`
	Redis   time.Duration `json:"redis_ns"`
	Gate    time.Duration `json:"gate_ns"`
}

// Total is the bill.
func (c Cost) Total() time.Duration { return c.Nginx + c.Servers + c.Redis + c.Gate }

// Since is what was spent since an earlier reading.
func (c Cost) Since(before Cost) Cost {
	return Cost{Nginx: c.Nginx - before.Nginx, Servers: c.Servers - before.Servers, Redis: c.Redis - before.Redis,
		Gate: c.Gate - before.Gate}
}

// Per is a time for each of n, in microseconds: CPU-seconds for a million. 0 for none.
func Per(d time.Duration, n int64) float64 {
	if n == 0 {
		return 0
	}
	return float64(d) / float64(time.Microsecond) / float64(n)
}
