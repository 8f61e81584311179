// Package counters measures the cost of counting a stock down by one, for each way to do it and over GOMAXPROCS: from the
// article's channel to the per-CPU words of package shard.
//
// The figure is wall time per operation while all CPUs work. So a counter that scales gets cheaper, or at least no dearer,
// from left to right. If there are fewer CPUs than GOMAXPROCS, the right-hand columns show the effect of preemption, not of
// parallelism.
package counters
