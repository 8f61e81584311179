package shard

// CPU is the number of the P that ran this call. It is a hint for packages that keep something per CPU, because the goroutine may
// have moved on by the time the caller reads it.
func CPU() int { return procID() }
