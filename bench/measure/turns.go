package measure

import "slices"

// Turn is one load of one subject.
type Turn struct {
	Part    string `json:"part,omitempty"`
	Subject string `json:"subject"`
	Round   int    `json:"round"` // from 1
}

// Turns returns the order in which a round loads n subjects. Rounds count from 1.
type Turns func(n, round int) []int

// ThereAndBack is 0 1 2 2 1 0, in each round.
func ThereAndBack(n, _ int) []int {
	there := Alternate(n, 1)
	return append(there, Alternate(n, 2)...)
}

// Alternate is 0 1 2, and 2 1 0 in every second round. So no subject always comes first.
func Alternate(n, round int) (order []int) {
	for i := range n {
		order = append(order, i)
	}
	if round%2 == 0 {
		slices.Reverse(order)
	}
	return order
}
