package shard_test

import (
	"fmt"

	"spike/shard"
)

// An edge fills its Stock with what it has leased. Buyers take one serial each, or n in a row.
func ExampleStock() {
	stock := shard.New(2) // about one lane a CPU
	stock.Fill(shard.Range{Start: 1, End: 6})

	one, _ := stock.Take()
	pair, _ := stock.TakeN(2)
	fmt.Println(one, pair, stock.Len())

	fmt.Println(stock.Drain(10)) // unsold serials leave for good
	_, ok := stock.Take()
	fmt.Println(ok, stock.Empty())
	// Output:
	// 1 2 2
	// [{4 6}]
	// false true
}
