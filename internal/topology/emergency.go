package topology

import "strings"

// EmergencyByNumber finds the emergency number that was dialled, with or without +, itself or by one of its masks (EMG-01);
// nil when it is none.
func (s *Snapshot) EmergencyByNumber(number string) *EmergencyNumber {
	number = strings.TrimPrefix(number, "+")
	if number == "" {
		return nil
	}
	for i := range s.Emergency {
		e := &s.Emergency[i]
		if strings.TrimPrefix(e.Number, "+") == number {
			return e
		}
		for _, m := range e.Masks {
			if strings.TrimPrefix(m, "+") == number {
				return e
			}
		}
	}
	return nil
}
