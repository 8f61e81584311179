//go:build !race

package sim

const seeds = 400

const raceEnabled = false
