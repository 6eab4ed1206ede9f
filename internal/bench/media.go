package bench

func (b *Bench) media() (*Table, error) { return &Table{Name: "media"}, nil }
