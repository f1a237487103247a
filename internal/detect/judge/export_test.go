package judge

// ParseVerdict is parseVerdict, for fuzzing.
func ParseVerdict(answer string) (Verdict, error) { return parseVerdict(answer) }
