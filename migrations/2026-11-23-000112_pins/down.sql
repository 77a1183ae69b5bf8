-- Takes the pins away. Safe under traffic of the release before.
drop table pins;
