package measure

// Figure is a value that can be read of a subject among the samples of a part: a median, a sum, a ratio.
type Figure func(s Samples, subject string) Spread

// Median of a figure over all turns of the subject.
func Median(figure string) Figure {
	return func(s Samples, subject string) Spread { return s.Of(subject).Spread(figure) }
}

// Over is the subject's figure over that of another subject, within each round. A subject is not compared with itself.
func Over(figure, other string) Figure {
	return func(s Samples, subject string) Spread {
		if subject == other {
			return Spread{}
		}
		return s.Of(subject).Ratio(figure, s.Of(other))
	}
}

// Sum of a figure over all turns of the subject.
func Sum(figure string) Figure {
	return func(s Samples, subject string) Spread {
		if mine := s.Of(subject); mine.Spread(figure).N > 0 {
			return Of(mine.Sum(figure))
		}
		return Spread{}
	}
}

// Each is the sum of a figure over the sum of another.
func Each(figure, of string) Figure {
	return func(s Samples, subject string) Spread {
		mine := s.Of(subject)
		if mine.Spread(figure).N == 0 {
			return Spread{}
		}
		return Of(mine.Sum(figure) / mine.Sum(of))
	}
}
