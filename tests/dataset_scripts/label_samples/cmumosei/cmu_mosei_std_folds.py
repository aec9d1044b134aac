standard_train_fold=['-3g5yACwYnA', '81406']

standard_test_fold=['_0efYOjQYRc']

standard_valid_fold=['188343']
