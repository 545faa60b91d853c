echo "hello from @VERSION@"
