package realsale

// Phase is a state of a sale in which every buyer hears the same.
type Phase struct {
	Name    string
	Outcome string // as spike_buys_total says it
	Units   int64
	Limited bool // only sales with a limit have it
	Bought  bool // every unit was bought before
	Paid    bool // and paid for, so nothing can come back
	Regular bool // the buyers are few, and have bought before what they may
}

const (
	manyUnits = 100_000_000 // more than any run can sell
	fewUnits  = 16
	regulars  = 1000 // buyers of a Regular phase
)

// Names of the phases.
const (
	Selling   = "selling"
	OverLimit = "over"
	NoneNow   = "nonenow"
	SoldOut   = "soldout"
)

// Phases in the order of running.
func Phases() []Phase {
	return []Phase{
		{Name: Selling, Outcome: "won", Units: manyUnits},
		{Name: OverLimit, Outcome: "over_limit", Units: manyUnits, Limited: true, Regular: true},
		{Name: NoneNow, Outcome: "none_now", Units: fewUnits, Bought: true},
		{Name: SoldOut, Outcome: "sold_out", Units: fewUnits, Bought: true, Paid: true},
	}
}

// Target is what a real sale should come to, beside an anonymous one. It is printed, and never asserted. 0: none.
type Target struct {
	PerSec   float64 // at least, in buys/s of an anonymous sale
	Cost     float64 // at most, in edge CPU of an anonymous buy
	CostUs   float64 // at most, edge CPU of a buy
	RedisUs  float64 // at most, of a buy
	PerBuyer float64 // at most, scripts a buy
}

// Targets of a sale with limit and key, by phase.
var Targets = map[string]Target{
	Selling: {PerSec: 0.6, CostUs: 40, RedisUs: 12, PerBuyer: 0.05},
	NoneNow: {Cost: 1.3, PerBuyer: 0.002},
	SoldOut: {Cost: 1.3, PerBuyer: 0.002},
}
