// Package counters measures what it costs to count a stock down by one, for each way to do it and over
// GOMAXPROCS: from the article's channel to the per-CPU words of package shard.
//
// The figure is wall time per operation with all CPUs at it, so a counter that scales gets cheaper, or at
// least no dearer, from left to right. On fewer CPUs than GOMAXPROCS the right-hand columns show what
// preemption does to a strategy, not parallelism.
package counters
