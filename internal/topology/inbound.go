package topology

func (s *Snapshot) indexNames() {}
func (p *Pool) indexListeners() {}
