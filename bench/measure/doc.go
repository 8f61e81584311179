// Package measure compares subjects: an [Experiment] loads them in turns, round after round, and keeps what was read of each
// turn.
//
// Noise on a shared machine is one-sided and drifts, so means and standard deviations mislead. A result is a median with its
// smallest and its largest value beside it ([Spread]). Two subjects are compared within a round ([Samples.Ratio]), in which
// the turns go there and back: a drift that is linear over the round adds the same to both, and favours neither. A target is
// printed beside the measured value ([Target]), and never asserted.
package measure
