//go:build race

package sim

const seeds = 40

const raceEnabled = true
