package shard

// CPU is the number of the P that ran this call: a hint for others who keep
// something per CPU. The goroutine may have moved on by the time it is read.
func CPU() int { return procID() }
