package nginx

import "fmt"

// Limits are what one client may ask of the edges; left out, there is no limit. A request beyond a limit gets 429 with
// Retry-After at once, in the format of the interface that was called. Answers of the gate are not counted, because they cost
// next to nothing. Each nginx counts for itself.
type Limits struct {
	// PerIP is for a client address. For IPv6 it is for the first 64 bits, because a client has a whole network.
	PerIP *Limit `yaml:"per_ip"`
	// PerBuyer is for the X-Buyer-Id of a trusted proxy. Without that header only PerIP holds, because nginx does not read JWTs.
	PerBuyer *Limit `yaml:"per_buyer"`
}

// Limit is a leaky bucket.
type Limit struct {
	// Rate is how many requests flow out in a second: 1 to 100000.
	Rate int `yaml:"rate"`
	// Burst is how many more may come at once: 1 to 100000. Left out, it is Rate: a second's worth.
	Burst int `yaml:"burst"`
}

const maxRate = 100_000

func (l Limits) withDefaults() Limits {
	return Limits{PerIP: l.PerIP.withDefaults(), PerBuyer: l.PerBuyer.withDefaults()}
}

func (l *Limit) withDefaults() *Limit {
	if l == nil || l.Burst != 0 {
		return l
	}
	return &Limit{Rate: l.Rate, Burst: l.Rate}
}

func (l Limits) check() error {
	if err := l.PerIP.check("limits.per_ip"); err != nil {
		return err
	}
	return l.PerBuyer.check("limits.per_buyer")
}

func (l *Limit) check(field string) error {
	switch {
	case l == nil:
		return nil
	case l.Rate < 1 || l.Rate > maxRate:
		return wrong(field+".rate", fmt.Errorf("%d is not within 1..%d requests a second", l.Rate, maxRate))
	case l.Burst < 1 || l.Burst > maxRate:
		return wrong(field+".burst", fmt.Errorf("%d is not within 1..%d requests", l.Burst, maxRate))
	}
	return nil
}
