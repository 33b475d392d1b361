# What a change must pass
ci:
    .ci/run

# Train a recipe: just train digits --set seed=1
train *args:
    cargo run --release -- train {{args}}

# Time training and inference on this machine
bench *args:
    cargo run --release -- bench {{args}}

# The peers on the same work (needs bench/peers/requirements.txt)
compare *args: 
    cargo build --release
    python3 bench/compare.py {{args}}

# The documentation
doc:
    cargo doc --no-deps --workspace --open

# The book as a site (needs mdbook)
book:
    mdbook serve docs --open

# The pictures of the book, by the commands that stand in it
book-pictures:
    mkdir -p docs/book/images
    CORTADO_BOOK_IMAGES={{justfile_directory()}}/docs/book/images cargo test --release -p cortado-cli --test book every_command_runs
