module stopctl

go 1.19
