# ruff: noqa: E501 (logs are as long as they are)
"""What trainings print is read with the right names and steps, however it arrives."""

from __future__ import annotations

import base64
import itertools
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.metrics.layouts import LAYOUTS, Sample
from trainui.metrics.formats.decoder import Decoded
from trainui.metrics.formats.text import grammar
from trainui.metrics.formats.text.text_lines import TextLines, carried_over, denied, unread

Found = dict[str, list[tuple[float, str]]]


BAR = "\r{}: 100%|##########| 3/3 [00:00<00:00, 9.1it/s, v_num=0, loss={}]"
RULE = "-" * 30 + "\n"

SAMPLES = [
    *LAYOUTS,
    Sample("xgboost", "[0]\ttrain-auc:0.5\tvalid-error@0.3:1\n", {"train-auc": [(0, 0.5)], "valid-error@0.3": [(0, 1)]}),
    Sample("gbm", "[10:00:00] [3]\ttest-rmse:0.5+0.01\n", {"test-rmse": [(3, 0.5)]}),
    Sample("lightgbm", "[LightGBM] [Info] Total Bins 42\n[1]\tvalid_1's auc: 0.9 + 0.1\n", {"valid_1's auc": [(1, 0.9)]}),
    Sample("gbm", "[LightGBM] [Info] Iteration:7, valid_1 auc : 0.75\n", {"valid_1 auc": [(7, 0.75)]}),
    Sample("lightgbm", "[5]\tvalid's auc: 0.9\n[6]\tvalid's auc: 0.8\nEarly stopping, best iteration is:\n[5]\tvalid's auc: 0.9\n", {"valid's auc": [(5, 0.9), (6, 0.8)]}),
    Sample("catboost", "0:\tlearn: 0.5\ttest: nan\tbest: 0.5 (0)\ttotal: 54ms\n", {"learn": [(0, 0.5)], "test": [(0, float("nan"))], "best": [(0, 0.5)]}),
    Sample("nanogpt", "max_iters = 5000\nstep 0: train loss 4.1, val loss 4.2\niter 0: loss 4.3, time 106.97ms, mfu -100.00%\n", {"train loss": [(0, 4.1)], "val loss": [(0, 4.2)], "loss": [(0, 4.3)], "time": [(0, 106.97)], "mfu": [(0, -100)]}),
    Sample("llmc", "s:0 tel:10.9\ns:1 trl:10.8 lr:0.1 norm:2\n", {"tel": [(0, 10.9)], "trl": [(1, 10.8)], "lr": [(1, 0.1)], "norm": [(1, 2)]}),
    Sample("megatron", "[rank 3] iteration   10/  200 | lm loss: 1.2E+01 | grad norm: 0.5 |\n", {"rank3 lm loss": [(10, 12)], "rank3 grad norm": [(10, 0.5)]}),
    Sample("torchtune", "Step 10 | loss:2.5 lr:0.1 \n", {"loss": [(10, 2.5)], "lr": [(10, 0.1)]}),
    Sample("verl", "step:1 - actor/loss:2.5 - timing_s/step:0.01\n", {"actor/loss": [(1, 2.5)], "timing_s/step": [(1, 0.01)]}),
    Sample("hf", "  4%|4  | 5/120 [00:00<00:01, 9it/s]\r{'loss': 2.5, 'grad_norm': nan, 'epoch': 0.5}\n", {"loss": [(0.5, 2.5)], "grad_norm": [(0.5, float("nan"))]}),
    Sample("hf", "{'loss': 0.5, 'epoch': 0.25, 'global_step/max_steps': '1/40', 'percentage': '2.50%', 'elapsed_time': '1m 3s'}\n", {"loss": [(1, 0.5)]}),
    Sample("print", "2026-11-26 22:00:00,1 - INFO - [rank0] step 1 loss 0.5\n2026-11-26 22:00:00,1 - INFO - [GPU1] step 1 loss 0.25\n[1,2]<stdout>:step 2 loss 0.5\n", {"rank0 loss": [(1, 0.5)], "rank1 loss": [(1, 0.25)], "rank2 loss": [(2, 0.5)]}),
    Sample("print", "(rank 0) step 1 loss 0.5\nRank 1 | step 2 | loss 0.25\nrank=2 step=3 loss=0.5\nstep=4 rank=57 loss=0.5\n", {"rank0 loss": [(1, 0.5)], "rank1 loss": [(2, 0.25)], "rank2 loss": [(3, 0.5)], "rank57 loss": [(4, 0.5)]}),
    Sample("print", "steps: 10 loss: 0.5 iter time (s): 0.4\nsteps: 20 loss: 0.25\n", {"loss": [(10, 0.5), (20, 0.25)], "iter time (s)": [(10, 0.4)]}),
    Sample("columns", "2026-11-26 22:00:00,1 INFO +---+------+\n2026-11-26 22:00:00,1 INFO | epoch | loss |\n2026-11-26 22:00:00,1 INFO +---+------+\n2026-11-26 22:00:00,1 INFO | 0 | 0.5 |\n", {"loss": [(0, 0.5)]}),
    Sample("columns", "| epoch | loss |\n| 0 | 0.5 |\n| epoch | loss |\n| 0 | 0.5 |\n| 1 | 0.4 |\n| epoch | loss |\n| 0 | 0.5 |\n| 1 | 0.4 |\n| 2 | 0.3 |\n| epoch | loss |\n| 0 | 0.2 |\n| 1 | 0.1 |\n", {"loss": [(0, 0.5), (1, 0.4), (2, 0.3), (0, 0.2), (1, 0.1)]}),
    Sample("jsonl", 'loading\n{"level": "INFO", "message": "train", "extra": {"step": 7, "loss": 0.5}}\n', {"loss": [(7, 0.5)]}),
    Sample("print", "step 1 at 123.4/s, 12.3/s/gpu LR: 0.5 loss 2\nstep 2 at 123.4/s, 12.3/s/gpu LR: 0.5 loss 1\n", {"LR": [(1, 0.5), (2, 0.5)], "loss": [(1, 2), (2, 1)]}),
    Sample("hf", "{'eval_loss': '2.5', 'epoch': '1'}\n", {"eval_loss": [(1, 2.5)]}),
    Sample("paddlenlp", "[2023-05-01 10:00:01,123] [    INFO] - loss: 0.5, lr: 3e-05, global_step: 10, epoch: 0.25\n", {"loss": [(10, 0.5)], "lr": [(10, 3e-05)]}),
    Sample("print", "Epoch: [0][10/100]\tLoss 6.5 (7.0)\nEpoch: [1][ 0/100]\tLoss 5.5 (6.0)\n", {"Loss": [(10, 6.5), (100, 5.5)]}),
    Sample("print", "2024-01-01 10:00:01,123 epoch 1 - iter 3/10 - loss 2.5\n[2023/04/12 10:00:01] ppcls INFO: [Train][Epoch 2/10][Iter: 0/10]loss: 1.5\n", {"loss": [(3, 2.5), (10, 1.5)]}),
    Sample("tqdm", "\rEpoch [1/3]: [9/10]  90%|####     , loss=0.5 [00:01<00:01]\rEpoch [1/3]: [10/10] 100%|#####     , loss=0.25 [00:01<00:00]\n", {"loss": [(0, 0.25)]}),
    Sample("print", "Epoch 1: loss tensor(0.5, device='cuda:0', grad_fn=<MeanBackward0>) acc np.float32(0.25)\nEpoch 2: loss 0.5\n", {"loss": [(1, 0.5), (2, 0.5)], "acc": [(1, 0.25)]}),
    Sample("print", "epoch 1 loss 0.5 dice [0.1, 0.2]\nepoch 2 loss 0.4 dice [0.3 0.4]\n", {"loss": [(1, 0.5), (2, 0.4)], "dice/0": [(1, 0.1), (2, 0.3)], "dice/1": [(1, 0.2), (2, 0.4)]}),
    Sample("headed", "2026-11-26 22:00:00.1: Epoch 0 \n2026-11-26 22:00:00.1: train_loss -0.5 \n2026-11-26 22:00:00.1: Pseudo dice [np.float32(0.1), np.float32(0.2)] \n2026-11-26 22:00:00.1: Epoch 1 \n2026-11-26 22:00:00.1: train_loss -0.6 \n", {"train_loss": [(0, -0.5), (1, -0.6)], "Pseudo dice/0": [(0, 0.1)], "Pseudo dice/1": [(0, 0.2)]}),
    Sample("print", '{"level": "INFO", "name": "trainer", "message": "step=7 loss=0.5"}\n{"level": "INFO", "name": "trainer", "message": "step=8 loss=0.25"}\n', {"loss": [(7, 0.5), (8, 0.25)]}),
    Sample("print", "[11/26/26 22:00:00] INFO     val step=7 loss=0.5 top            train.py:10\n                             acc: 0.25 lr=1\n                             norm=2\n[11/26/26 22:00:01] INFO     step=8 loss=0.25                   train.py:10\n                             saved the best of 3 models\n", {"val/loss": [(7, 0.5)], "val/acc": [(7, 0.25)], "lr": [(7, 1)], "loss": [(8, 0.25)]}),
    Sample("tqdm", "\rEpoch 8: 100%|##| 3/3 [00:00<00:00, 9.1it/s, loss=0.5]\rEpoch 9: 100%|##| 3/3 [00:00<00:00, 9.1it/s, loss=0.25]\n", {"loss": [(8, 0.5), (9, 0.25)]}),
    Sample("tqdm", "\rEpoch 8/10: 100%|##| 3/3 [00:00<00:00, 9.1it/s, loss=0.5]\rEpoch 9/10: 100%|##| 3/3 [00:00<00:00, 9.1it/s, loss=0.25]\n", {"loss": [(7, 0.5), (8, 0.25)]}),
    Sample("tqdm", "\rEpoch 2:  50%|# | 5/10 [11:00<11:00, 9.1s/it, loss=0.5]\rEpoch 2: 100%|##| 10/10 [22:00<00:00, 9.1s/it, loss=0.25]\n", {"loss": [(25, 0.5), (30, 0.25)]}),
    Sample("tqdm", "\rEpoch 2: 5/? [11:00<?, 9.1s/it, loss=0.5]\n", {"loss": [(5, 0.5)]}),
    Sample("detectron2", "[11/24 14:02:37 d2.utils.events]:  eta: 1 day, 0:00:01  iter: 19  total_loss: 2.5  lr: N/A  max_mem: 2345M\n[11/24 14:02:38 d2.utils.events]:  eta: 1 day, 0:00:01  iter: 39  total_loss: 1.5  lr: N/A  max_mem: 2345M\n", {"total_loss": [(19, 2.5), (39, 1.5)]}),
    Sample("fairseq", "2024 | INFO | train_inner | epoch 003:     23 / 26 loss=7.5, num_updates=75, lr=0.5\n2024 | INFO | valid | epoch 003 | valid on 'valid' subset | loss 9.5 | num_updates 78\n", {"train_inner/loss": [(75, 7.5)], "train_inner/lr": [(75, 0.5)], "valid/loss": [(78, 9.5)]}),
    Sample("fairseq", '2024 | INFO | train | {"epoch": 1, "train_loss": "10.5", "train_num_updates": "26"}\n', {"train/loss": [(26, 10.5)]}),
    Sample("fairseq", "\repoch 003:  88%|##  | 23/26 [00:12<00:01,  2.0it/s, loss=7.5, num_updates=75]\r", {"train_inner/loss": [(75, 7.5)]}),
    Sample("mmengine", "2024 - mmengine - INFO - Epoch(train) [2][10/38]  lr: 5.0e-02  eta: 1 day, 0:00:00  time: 0.5  loss: 2.5\n2024 - mmengine - INFO - Epoch(val) [2][3/3]    acc/top1: 85.5  time: 0.25\n", {"lr": [(48, 0.05)], "time": [(48, 0.5)], "loss": [(48, 2.5)], "val/acc/top1": [(76, 85.5)], "val/time": [(76, 0.25)]}),
    Sample("mmengine", "2022 - mmdet - INFO - Epoch [1][50/73]\tlr: 2e-03, eta: 1:02:03, loss: 1.5\n2022 - mmseg - INFO - Iter [50/160]\tloss: 3\n", {"lr": [(50, 0.002)], "loss": [(50, 1.5), (50, 3)]}),
    Sample("metriclogger", "Epoch: [2]  [ 10/100]  eta: 1 day, 0:00:07  lr: 0.1  loss: 2.5 (2.0)  max mem: 12\nTest:  [5/6]  eta: 0:00:00  acc1: 8 (9)\n", {"lr": [(210, 0.1)], "loss": [(210, 2.5)], "loss_avg": [(210, 2)], "test/acc1": [(210, 9)]}),
    Sample("timm_train", "Train: 2 [   3/9 ( 44%)]  Loss: 2.5 (2.25)  Time: 0.233s,  275.07/s  LR: 1.000e-05\nTest: [   3/3]  Loss: 0.25 ( 0.5)\n", {"Loss": [(21, 2.5)], "Loss_avg": [(21, 2.25)], "Time": [(21, 0.233)], "LR": [(21, 1e-05)], "test/Loss": [(21, 0.5)]}),
    Sample("sb3", f"{RULE}| rollout/            |          |\n|    ep_rew_mean      | 14.8     |\n| time/               |          |\n|    total_timesteps  | 59       |\n{RULE}", {"rollout/ep_rew_mean": [(59, 14.8)]}),
    Sample("baselines", f"{RULE}| EpRewMean      | 117      |\n| TimestepsSoFar | 3512     |\n{RULE}", {"EpRewMean": [(3512, 117)]}),
    Sample("print", "\x1b[1m       Learning iteration 3/40       \x1b[0m\n\n    Total steps: 1536 \n    Collection time: 0.019s \n    Mean reward: 16.5\n------\n    Iteration time: 0.07s\n      Time elapsed: 0:00:00\n               ETA: 0:00:02\n\n       Learning iteration 4/40       \n\n    Total steps: 3072 \n    Mean reward: 17.5\n", {"Collection time": [(3, 0.019)], "Mean reward": [(3, 16.5), (4, 17.5)], "Iteration time": [(3, 0.07)]}),
    Sample("print", " Learning iteration 5/9 \n\n Computation: 12345 steps/s (collection: 1.200s, learning 0.3s)\n Surrogate loss: nan\n ETA: 20.0s\n Learning iteration 6/9 \n\n Surrogate loss: 0.5\n", {"Computation": [(5, 12345)], "collection": [(5, 1.2)], "learning": [(5, 0.3)], "Surrogate loss": [(5, float("nan")), (6, 0.5)]}),
    Sample("elements", "-----[Step 10]-----\n\ntrain/loss 2.5 / fps/policy 12.5\n\nWriting metrics: /a/b\n-----[Step 1_020]-----\n\ntrain/loss 1.5 / fps/policy 12.0\n", {"train/loss": [(10, 2.5), (1020, 1.5)], "fps/policy": [(10, 12.5), (1020, 12.0)]}),
    Sample("keras", "Epoch 1/2\n19/19 - 1s - 48ms/step - loss: 2.5 - val_loss: 1.5\nEpoch 2/2\n19/19 - 1s - loss: nan - 474ms/epoch\n", {"loss": [(1, 2.5), (2, float("nan"))], "val_loss": [(1, 1.5)]}),
    Sample("keras", "Epoch 1/1\n 1/19 [>..] - ETA: 1s - loss: 3.0\x08\x08\r19/19 [==] - ETA: 0s - loss: 2.5\nEpoch 1: val_loss improved from inf to 1.5, saving\n\r19/19 [==] - 1s 48ms/step - loss: 2.5 - val_loss: 1.5\n5/5 [==] - 0s 2ms/step - loss: 9\n", {"loss": [(1, 2.5)], "val_loss": [(1, 1.5)]}),
    Sample("keras", "Epoch 1/1\n60000/60000 [==============================] - 5s 83us/step - acc: 0.5\n", {"acc": [(1, 0.5)]}),
    Sample("fastai", "epoch     train_loss  valid_loss  time    \nEpoch 1/8 : |---| 0.00% [0/18 00:00<?]\r0         2.5         1.5         00:00     \n", {"train_loss": [(0, 2.5)], "valid_loss": [(0, 1.5)]}),
    Sample("fastai", "epoch     train_loss  valid_loss  mae       very_long_metric_name  time    \n7         8407282.0000008391340.0000002214.0148938391340.000000         00:00     \n", {"train_loss": [(7, 8407282.0)], "valid_loss": [(7, 8391340.0)], "mae": [(7, 2214.014893)], "very_long_metric_name": [(7, 8391340.0)]}),
    Sample("fastai", "█\repoch     train_loss  valid_loss  time    \n█\r\rEpoch 1/8 : |---| 0.00% [0/18 00:00<?]\rEpoch 1/8 : |██-| 50.00% [9/18 00:00<00:00... 1.5273]\rEpoch 1/8 :              \r\r0         2.5         1.5         00:01     \n", {"train_loss": [(0, 2.5)], "valid_loss": [(0, 1.5)]}),
    Sample("ultralytics", "      Epoch    GPU_mem   box_loss  Instances       Size\n\r        1/6         0G      928.1         22         96:  33%|## | 1/3 [00:00<00:01,  1.91it/s]\r        1/6      1.25G        900         22         96: 100%|## | 3/3 [00:00<00:01,  1.91it/s]\n                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|##| 1/1\n                   all          8         16        0.5       0.25          0          1\n", {"train/box_loss": [(1, 900)], "metrics/precision(B)": [(1, 0.5)], "metrics/recall(B)": [(1, 0.25)], "metrics/mAP50(B)": [(1, 0)], "metrics/mAP50-95(B)": [(1, 1)]}),
    Sample("tqdm", "".join(BAR.format("Epoch 1/2", loss) for loss in (3, 2)) + "\n" + BAR.format("Epoch 2/2", "1.5e-3") + "\n", {"loss": [(0, 2), (1, 0.0015)]}),
    Sample("tqdm", "\r  0%|   | 0/2 [00:00<?, ?it/s]\r100%|###| 2/2 [00:00<00:00, 1.0s/it, acc=85.9%]\n\r  0%|   | 0/2 [00:00<?, ?it/s]\r 50%|#  | 1/2 [00:00<00:00, 1.0s/it, acc=86%]", {"acc": [(0, 85.9), (1, 86)]}),
    Sample("lightning", BAR.format("Epoch 0", 2) + "\n\rValidation: 100%|##| 5/5 [00:00<00:00, 9it/s]\x1b[A" + BAR.format("Epoch 0", "2, val_loss=1") + "\r" + BAR.format("Epoch 1", "1, val_loss=1") + "\n\rValidation: 20%|##| 1/5 [00:00<00:00, 9it/s]\x1b[A" + BAR.format("Epoch 1", "1, val_loss=0.5") + "\n", {"loss": [(0, 2), (1, 1)], "val_loss": [(0, 1), (1, 0.5)]}),
    Sample("lightning", "Epoch 5/5  ━━━━ 38/38 0:00:00 • 0:00:00 364.40it/s v_num: 0.000     \n                    train_loss_step: \n                    0.25 val_loss:   \n                    0.5              \n", {"train_loss_step": [(5, 0.25)], "val_loss": [(5, 0.5)]}),
    Sample("jsonl", 'hello\nINFO {"step": 1, "loss": 0.5}\n{"step": 2, "loss": NaN, "a": {"b": 2}}\n{"no": 1}\n', {"loss": [(1, 0.5), (2, float("nan"))], "a/b": [(2, 2)]}),
    Sample("print", "step 1 loss 2.5 grad 1e-3\nstep 2 loss nan grad inf\n", {"loss": [(1, 2.5), (2, float("nan"))], "grad": [(1, 0.001), (2, float("inf"))]}),
    Sample("print", "Epoch [1/5], Loss: 1.5, Val Acc: 80.5%\nEpoch [2/5], Loss: 1.0, Val Acc: 82%\n", {"Loss": [(1, 1.5), (2, 1)], "Val Acc": [(1, 80.5), (2, 82)]}),
    Sample("print", "Epoch: [0][ 10/20]\tLoss 2.5 (2.5)\nEpoch: [1][ 10/20]\tLoss 1.5 (2.0)\n", {"Loss": [(10, 2.5), (30, 1.5)]}),
    Sample("print", "Epoch: [3][ 10/20]\tLoss 2.5 (2.5)\nEpoch: [3][ 11/20]\tLoss 2.0 (2.5)\n", {"Loss": [(70, 2.5), (71, 2)]}),
    Sample("print", "Epoch [1/5], Step [100/600], Loss: 0.5\nEpoch [2/5], Step [100/600], Loss: 0.25\n", {"Loss": [(100, 0.5), (700, 0.25)]}),
    Sample("print", "Train Epoch: 1 [0/60 (0%)]\tLoss: 2.5\nTrain Epoch: 2 [32/60 (50%)]\tLoss: 1\n", {"Loss": [(0, 2.5), (92, 1)]}),
    Sample("print", "2026-11-24 14:17:24,106,INFO,trainer: epoch=0 step=7 loss=0.5 lr=1.0e-01\n2026 INFO validation epoch=0 val_loss=0.25\n2026 INFO epoch=1 step=8 loss=0.4 lr=0\n", {"loss": [(7, 0.5), (8, 0.4)], "lr": [(7, 0.1), (8, 0)], "val_loss": [(7, 0.25)]}),
    Sample("print", "[rank1] step 6 loss 2.25[rank0] step 6 loss 2.5\n\n[rank0]: step 7 loss 2\n", {"rank1 loss": [(6, 2.25)], "rank0 loss": [(6, 2.5), (7, 2)]}),
    Sample("optuna", "[I 2026-11-25 15:16:40,852] Trial 0 finished with value: 0.5 and parameters: {'lr': 0.1, 'x': 3.0}. Best is trial 0 with value: 0.5.\n[I 2026-11-25 15:16:41,852] Trial 1 finished with value: 0.75 and parameters: {'lr': 0.2}. Best is trial 0 with value: 0.5.\n", {"value": [(0, 0.5), (1, 0.75)], "best": [(0, 0.5), (1, 0.5)]}),
    Sample("spacy", "E    #       LOSS NER  ENTS_F  SCORE \n---  ------  --------  ------  ------\n  0       0     41.50    0.00    0.00\n  1     200     31.50   10.00    0.10\n", {"LOSS NER": [(0, 41.5), (200, 31.5)], "ENTS_F": [(0, 0), (200, 10)], "SCORE": [(0, 0), (200, 0.1)]}),
    Sample("skorch", "  epoch    train_loss    valid_loss    cp     dur\n-------  ------------  ------------  ----  ------\n      1        \x1b[36m0.6863\x1b[0m        \x1b[35m0.6800\x1b[0m     +  0.1234\n      2        0.6763        0.7000        0.5\n", {"train_loss": [(1, 0.6863), (2, 0.6763)], "valid_loss": [(1, 0.68), (2, 0.7)], "dur": [(1, 0.1234), (2, 0.5)]}),
    Sample("sklearn", "      Iter       Train Loss   Remaining Time \n         1           1.2963            0.02s\n        20           1.2255            1.50m\n", {"Train Loss": [(1, 1.2963), (20, 1.2255)]}),
    Sample("columns", "| Epoch | Loss |\n|------:|-----:|\n| 1 | 0.5 |\n| 2 | nan |\nEpoch Loss\n3 0.25\n", {"Loss": [(1, 0.5), (2, float("nan")), (3, 0.25)]}),
    Sample("headed", "Epoch 0/24\n----------\ntrain Loss: 0.5 Acc: 0.75\nval Loss: 0.25 Acc: 0.5\n\nEpoch 1/24\n----------\ntrain Loss: 0.125 Acc: 1\n", {"train Loss": [(0, 0.5), (1, 0.125)], "Acc": [(0, 0.75), (1, 1)], "val Loss": [(0, 0.25)], "val/Acc": [(0, 0.5)]}),
    Sample("headed", "Epoch 1\n-------\nloss: 2.5  [   64/6000]\nloss: 2.25  [ 3200/6000]\nTest Error: \n Accuracy: 50.5%, Avg loss: 2.125 \n\nEpoch 2\n-------\nloss: 2  [   64/6000]\n", {"loss": [(64, 2.5), (3200, 2.25), (6064, 2)], "test/Accuracy": [(3200, 50.5)], "test/Avg loss": [(3200, 2.125)]}),
    Sample("headed", "2024-01-02T03:04:05 INFO [step=10/739,epoch=0]\n    train/Loss=10.5\n    total_tokens=41,943,040\n[step=20/739,epoch=0]\n    train/Loss=9.5\nSaved to /a/b=1\n", {"train/Loss": [(10, 10.5), (20, 9.5)]}),
    Sample("headed", "Epoch: 01 | Time: 0m 32s\n\tTrain Loss: 2.5 | Train PPL: 12.5\nEpoch: 02 | Time: 0m 31s\n\tTrain Loss: 2.25 | Train PPL: 9.5\n", {"Train Loss": [(1, 2.5), (2, 2.25)], "Train PPL": [(1, 12.5), (2, 9.5)]}),
    Sample("megatron", " samples/sec: 12.5 | iteration       10/  320 | lm_loss: 10.5 | number of nan iterations: 0 |\n samples/sec: 12.5 | iteration       20/  320 | lm_loss: 9.5 | number of nan iterations: 0 |\n", {"lm_loss": [(10, 10.5), (20, 9.5)]}),
    Sample("print", "[1,  2000] loss: 2.5\n[1,  4000] loss: 2.25\n[2,  2000] loss: 2\n", {"loss": [(2000, 2.5), (4000, 2.25), (6000, 2)]}),
    Sample("print", "I0102 03:04:05.678901 1400 logging_writer.py:48] [100] train_loss=2.5\nI0102 03:04:06 1400 logging_writer.py:48] [200] train_loss=2.25\n", {"train_loss": [(100, 2.5), (200, 2.25)]}),
    Sample("print", "INFO:tensorflow:loss = 2.5, step = 1\nINFO:tensorflow:loss = 2.25, step = 101 (8.0 sec)\n", {"loss": [(1, 2.5), (101, 2.25)]}),
    Sample("print", "2025-01-02 03:04:05 [info     ] train           loss=2.5 lr=0.5 step=10\n2025-01-02 03:04:06 [info     ] train           loss=2.25 lr=0.25 step=20\n", {"loss": [(10, 2.5), (20, 2.25)], "lr": [(10, 0.5), (20, 0.25)]}),
    Sample("print", "[Epoch 0] training: acc=0.5\n[Epoch 0] validation: acc=0.25\n[Epoch 1] training: acc=0.75\n", {"acc": [(0, 0.5), (1, 0.75)], "val/acc": [(0, 0.25)]}),
    Sample("print", "Train Epoch: 1 [640/6000 (1%)]\tLoss: 1.5\n\nTest set: Average loss: 0.25, Accuracy: 9837/10000 (98%)\n\nTrain Epoch: 2 [0/6000 (0%)]\tLoss: 0.5\n", {"Loss": [(640, 1.5), (6000, 0.5)], "test/Average loss": [(640, 0.25)], "test/Accuracy": [(640, 98)]}),
    Sample("print", "| epoch   1 |   200/ 2928 batches | ms/batch 31.5 | loss  8.5\n| end of epoch   1 | time: 91.5s | valid loss  5.5\n| epoch   2 |   200/ 2928 batches | loss  5\n", {"ms/batch": [(200, 31.5)], "loss": [(200, 8.5), (3128, 5)], "time": [(200, 91.5)], "valid loss": [(200, 5.5)]}),
    Sample("print", "step:  1  loss:  8.5  tps: 3,456  mem: 1.5GiB(1.88%)  number of nan iterations: 0\nstep: 10  loss: nan  tps: 13,556\n", {"loss": [(1, 8.5), (10, float("nan"))], "tps": [(1, 3456), (10, 13556)]}),
    Sample("lightgbm", "2026-01-01 10:00:00 INFO [1]\tcv_agg's auc: 0.5 + 0.25\n", {"cv_agg's auc": [(1, 0.5)]}),
    Sample("columns", "╒═════════╤════════╕\n│   epoch │   loss │\n╞═════════╪════════╡\n│       0 │    2.5 │\n├─────────┼────────┤\n│       1 │   0.25 │\n", {"loss": [(0, 2.5), (1, 0.25)]}),
    Sample("columns", "10:00:00 - INFO - | epoch | loss |\n10:00:00 - INFO - |   0   |  0.5 |\n", {"loss": [(0, 0.5)]}),
    Sample("headed", "2024-01-01 10:00:00.123456: Epoch 0 \n2024-01-01 10:00:00.123456: train_loss -0.5 \n2024-01-01 10:00:00.123456: Epoch 1 \n2024-01-01 10:00:00.123456: train_loss -0.75 \n2024-01-01 10:00:00.123456: Epoch time: 60.5 s\n", {"train_loss": [(0, -0.5), (1, -0.75)], "Epoch time": [(1, 60.5)]}),
    Sample("print", "2026-11-26 22:00:00,123 INFO trainer step=7 loss=0.5\nINFO 2026-11-26 22:00:00,123 trainer 1234 140001000000 step 8 loss 0.25\n", {"loss": [(7, 0.5), (8, 0.25)]}),
    Sample("print", "[2026-11-26 22:00:00,123][train][INFO] - epoch 1: {'loss': tensor(0.5), 'acc': 0.75}\n[2026-11-26 22:00:00,123][train][INFO] - epoch 2: {'loss': np.float64(0.25), 'acc': 1.0}\n", {"loss": [(1, 0.5), (2, 0.25)], "acc": [(1, 0.75), (2, 1)]}),
    Sample("print", 'time="2026-01-01T00:00:00Z" level=info msg="epoch 3: loss=0.5"\ntimestamp=2026-11-26T23:51:19.785530Z level=info event="train step" step=4 loss=0.25\n', {"loss": [(3, 0.5), (4, 0.25)]}),
    Sample("print", "[GPU0] step 6 loss 2.5\n[cuda:1] step 6 loss 2.25\n[rank0]:2026-01-01 10:00:00 INFO trainer step 7 loss 2\n", {"rank0 loss": [(6, 2.5), (7, 2)], "rank1 loss": [(6, 2.25)]}),
    Sample("print", "step 2/6 loss 2.5 epoch: 1\nstep 4/6 loss 2 epoch: 2\nstep 6/6 loss 1.5 epoch: 3\n", {"loss": [(2, 2.5), (4, 2), (6, 1.5)]}),
    Sample("print", "step 2/3 loss 2.5 epoch: 1\nstep 2/3 loss 2 epoch: 2\nstep 2/3 loss 1.5 epoch: 3\n", {"loss": [(2, 2.5), (5, 2), (8, 1.5)]}),
    Sample("print", "Epoch 1 step 1/4 loss 2.5\nEpoch 1 step 2/4 loss 2\nEpoch 2 step 3/4 loss 1.5\nEpoch 2 step 4/4 loss 1\n", {"loss": [(1, 2.5), (2, 2), (3, 1.5), (4, 1)]}),
    Sample("print", "2026-11-25 15:29:31.001 | INFO     | __main__:train:180 - Epoch 0/5 | loss: 1.0\n2026-11-25 15:29:31.002 | INFO     | __main__:train:180 - Epoch 1/5 | loss: 0.5\n", {"loss": [(0, 1), (1, 0.5)]}),
    Sample("print", "train (1/3) accuracy01: 0.5 | loss: 2 \nvalid (1/3) accuracy01: 0.25 | loss: 3 \ntrain (2/3) accuracy01: 0.75 | loss: 1 \n", {"accuracy01": [(1, 0.5), (2, 0.75)], "loss": [(1, 2), (2, 1)], "val/accuracy01": [(1, 0.25)], "val/loss": [(1, 3)]}),
    Sample("print", "Train [1/2] loss 2\nTrain [2/2] loss 1.5\nTest: [1/9] loss 7\nTrain [1/2] loss 1\n", {"loss": [(1, 2), (2, 1.5), (3, 1)]}),
    Sample("print", "0/9 * Epoch 0 (train): loss=2 | acc=0.5\n0/9 * Epoch 0 (valid): loss=3 | acc=0.25\n1/9 * Epoch 1 (train): loss=1 | acc=0.75\n", {"loss": [(0, 2), (1, 1)], "acc": [(0, 0.5), (1, 0.75)], "val/loss": [(0, 3)], "val/acc": [(0, 0.25)]}),
    Sample("print", "[node1] 2023-03-13 17:19:02,123 (trainer:732) INFO: 1epoch:train:1-50batch: loss=2, acc=0.5\n[node1] 2023-03-13 17:20:02,123 (trainer:732) INFO: 1epoch:train:51-100batch: loss=1, acc=0.75\n[node1] 2023-03-13 17:30:02,123 (trainer:338) INFO: 1epoch results: [train] loss=1.5, acc=0.6, [valid] loss=3, acc=0.25\n", {"loss": [(50, 2), (100, 1)], "acc": [(50, 0.5), (100, 0.75)], "epoch loss": [(100, 1.5)], "epoch acc": [(100, 0.6)], "val/loss": [(100, 3)], "val/acc": [(100, 0.25)]}),
    Sample("print", "2026-11-26 22:00:00,123 [71] [MainThread] INFO trainer step=7 loss=0.5\n2026-11-26 22:00:00,123 MainProcess Thread-1 INFO step=8 loss=0.25\n", {"loss": [(7, 0.5), (8, 0.25)]}),
    Sample("print", " 0: step 1 loss 2\n10: step 1 loss 3\n 0: 2026-11-26 22:00:00,123 INFO trainer step 2 loss 1\n10: step 2 loss 2.5\n", {"loss": [(1, 2), (2, 1)], "rank10 loss": [(1, 3), (2, 2.5)]}),
    Sample("print", "worker-0: step 1 loss 2\nworker-1: step 1 loss 3\nworker-0: step 2 loss 1\n", {"loss": [(1, 2), (2, 1)], "worker-1 loss": [(1, 3)]}),
    Sample("print", "10.0.0.1: step 1 loss 2\n10.0.0.2: step 1 loss 3\n10.0.0.1: step 2 loss 1\n", {"loss": [(1, 2), (2, 1)], "10.0.0.2 loss": [(1, 3)]}),
    Sample("print", "1: step 10 loss 2\n2: step 20 loss 3\n4: step 40 loss 1\n", {"loss": [(10, 2), (20, 3), (40, 1)]}),
    Sample("print", "Epoch 3 | train: loss 2 acc 0.5 | val: loss 3 acc 0.25\nEpoch 4 [train] loss=1 acc=0.75 [valid] loss=2 acc=0.5\nEpoch 5 Train Loss: 2, Acc: 0.5, Val Loss: 3, Acc: 0.25\n", {"loss": [(3, 2), (4, 1)], "acc": [(3, 0.5), (4, 0.75)], "val/loss": [(3, 3), (4, 2)], "val/acc": [(3, 0.25), (4, 0.5)], "Train Loss": [(5, 2)], "Acc": [(5, 0.5)], "Val Loss": [(5, 3)], "val/Acc": [(5, 0.25)]}),
    Sample("print", "epoch 1 - iter 10/20 - loss 2 - eta: 5 days, 1:00:00\nepoch 1 - iter 20/20 - loss 1 - eta: 3:00\nEPOCH 1 done: loss 1.5\n", {"loss": [(10, 2), (20, 1)], "epoch loss": [(20, 1.5)]}),
    Sample("print", "Epoch: 0, Step: 0, loss = 4\nEpoch: 0, Step: 10, loss = 3\nEpoch: 1, Step: 0, loss = 2\nEpoch: 1, Step: 10, loss = 1\n", {"loss": [(0, 4), (10, 3), (20, 2), (30, 1)]}),
    Sample("print", "epoch: 1, iter: 10/90, loss: 2\nepoch: 2, iter: 20/90, loss: 1\nepoch: 4, iter: 30/90, loss: 0.5\n", {"loss": [(10, 2), (20, 1), (30, 0.5)]}),
    Sample("print", "completed step: 0, loss: 2\ncompleted step: 1, loss: 1\neval metrics after step: 1, loss=3\nSaving dict for global step 2: global_step = 2, loss = 9\n", {"loss": [(0, 2), (1, 1)], "eval/loss": [(1, 3), (2, 9)]}),
    Sample("print", "Eval num_timesteps=500, episode_reward=9.5 +/- 0.80\nEval num_timesteps=1000, episode_reward=19.5 +/- 0.80\n", {"eval/episode_reward": [(500, 9.5), (1000, 19.5)]}),
    Sample("print", "step=0 loss=2 event='train step' level=info timestamp=2026-11-27T10:44:33.1Z\nstep=1 loss=1 event='train step' level=info timestamp=2026-11-27T10:44:34.1Z\n", {"loss": [(0, 2), (1, 1)]}),
    Sample("tqdm", "\rEpoch 0 loss 2.5:  50%|##  | 1/2 [00:01<00:01,  1.00it/s]\rEpoch 0 loss 2.25:  50%|##  | 1/2 [00:01<00:01,  1.00it/s]\rEpoch 0 loss 2.0: 100%|####| 2/2 [00:02<00:00,  1.00it/s]\rEpoch 1 loss 1.5: 100%|####| 2/2 [00:02<00:00,  1.00it/s]\n", {"loss": [(0, 2), (1, 1.5)]}),
    Sample("print", "fps step: 100 fps total: 90 epoch: 1/9\nfps step: 101 fps total: 91 epoch: 2/9\n", {"fps total": [(1, 90), (2, 91)]}),
    Sample("tqdm", "\r  0%|  | 50/120 [00:00<?, ?it/s]\r 50%|##  | 60/120 [00:01<00:01,  1.00it/s, loss=2]\r 75%|##  | 90/120 [00:01<00:01,  1.00it/s, loss=1]\r100%|####| 120/120 [00:02<00:00,  1.00it/s, loss=0.5]\n", {"loss": [(60, 2), (90, 1), (120, 0.5)]}),
    Sample("lightning", "\rTraining: |  | 0/? [00:00<?, ?it/s]\rEpoch 4:   0%|  | 0/2 [00:00<?, ?it/s]\rEpoch 4: 100%|##| 2/2 [00:01<00:00, 9.0it/s, loss=3]\n\rValidation: |  | 0/? [00:00<?, ?it/s]\x1b[A\n\r      \x1b[A\rEpoch 4: 100%|##| 2/2 [00:01<00:00, 9.0it/s, loss=3, val_loss=4]\rEpoch 4:   0%|  | 0/2 [00:00<?, ?it/s, loss=3, val_loss=4]   \rEpoch 5:   0%|  | 0/2 [00:00<?, ?it/s, loss=3, val_loss=4]\rEpoch 5: 100%|##| 2/2 [00:01<00:00, 9.0it/s, loss=2, val_loss=4]\rEpoch 5: 100%|##| 2/2 [00:01<00:00, 9.0it/s, loss=2, val_loss=3]\n", {"loss": [(4, 3), (5, 2)], "val_loss": [(4, 4), (5, 3)]}),
    Sample("print", "[2022-05-01 10:00:01 tiny](main.py 226): INFO Train: [0/9][2/4]\teta 5:12:34 lr 0.5\ttime 15.0 (15.0)\tloss 2 (2.5)\n[2022-05-01 10:00:01 tiny](main.py 226): INFO Test: [0/4]\tTime 1 (1)\tLoss 7 (7)\n[2022-05-01 10:00:01 tiny](main.py 226): INFO Train: [1/9][0/4]\teta 5:12:34 lr 0.25\ttime 14.0 (15.0)\tloss 1 (2.0)\n", {"lr": [(2, 0.5), (4, 0.25)], "time": [(2, 15), (4, 14)], "loss": [(2, 2), (4, 1)]}),
    Sample("print", "🚀 Epoch 1/3 ✅ loss: 2 📉 acc: 0.5\n🚀 Epoch 2/3 ✅ loss: 1 📉 acc: 0.75\n", {"loss": [(1, 2), (2, 1)], "acc": [(1, 0.5), (2, 0.75)]}),
    Sample("print", "step 10k: loss 2 tok/s 900\nstep 1.5M: loss 1 tok/s 1.25k\n", {"loss": [(10000, 2), (1500000, 1)], "tok/s": [(10000, 900), (1500000, 1250)]}),
    Sample("print", "[0/5][0/9]\tLoss_D: 2\tLoss_G: 3\tD(G(z)): 0.5 / 0.25\n[1/5][3/9]\tLoss_D: 1\tLoss_G: 4\tD(G(z)): 0.5 / 0.25\n", {"Loss_D": [(0, 2), (12, 1)], "Loss_G": [(0, 3), (12, 4)], "D(G(z))": [(0, 0.5), (12, 0.5)]}),
    Sample("print", "===== Fold 1 =====\nEpoch 1 loss 3\nEpoch 2 loss 2\n===== Fold 2 =====\nEpoch 1 loss 4\nEpoch 2 loss 1\n", {"loss": [(1, 3), (2, 2)], "fold=2/loss": [(1, 4), (2, 1)]}),
    Sample("print", "[fold 0] epoch 1: loss=3\n[fold 0] epoch 2: loss=2\n[fold 1] epoch 1: loss=4\n", {"loss": [(1, 3), (2, 2)], "fold=1/loss": [(1, 4)]}),
    Sample("print", "seed=42 step=1 loss=3\nseed=42 step=2 loss=2\n", {"loss": [(1, 3), (2, 2)]}),
    Sample("tqdm", "\rstep 7 loss 2.5:  50%|##  | 1/2 [00:01<00:01,  1.00it/s]\rstep 7 loss 2.5: 100%|####| 2/2 [00:01<00:01,  1.00it/s]\rstep 8 loss 2.0: 100%|####| 2/2 [00:02<00:00,  1.00it/s]\n", {"loss": [(7, 2.5), (8, 2)]}),
    Sample("print", "epoch 1 | train loss → 0.2216 | val loss → 1.0584\nepoch 2 | train loss → 1.9306 | val loss → 2.6848\n", {"train loss": [(1, 0.2216), (2, 1.9306)], "val loss": [(1, 1.0584), (2, 2.6848)]}),
    Sample("print", "Ep 0 loss[cls]=2.5200 loss[box]=2.3675 loss[mask]=1.2964\nEp 1 loss[cls]=0.3880 loss[box]=2.9505 loss[mask]=2.5989\n", {"loss[cls]": [(0, 2.52), (1, 0.388)], "loss[box]": [(0, 2.3675), (1, 2.9505)], "loss[mask]": [(0, 1.2964), (1, 2.5989)]}),
    Sample("print", "('epoch', 0, 'loss', 1.5698, 'val_acc', 1.2502)\n('epoch', 1, 'loss', 1.4926, 'val_acc', 1.3845)\n", {"loss": [(0, 1.5698), (1, 1.4926)], "val_acc": [(0, 1.2502), (1, 1.3845)]}),
    Sample("print", "epoch=\"1\" loss=\"1.5771\" val_loss=\"2.4912\"\nepoch=\"2\" loss=\"2.6289\" val_loss=\"1.6195\"\n", {"loss": [(1, 1.5771), (2, 2.6289)], "val_loss": [(1, 2.4912), (2, 1.6195)]}),
    Sample("print", "step::100  loss::0.2104  acc::1.1779\nstep::200  loss::0.1360  acc::0.3696\n", {"loss": [(100, 0.2104), (200, 0.136)], "acc": [(100, 1.1779), (200, 0.3696)]}),
    Sample("print", "step 10_000: loss=0.0912\nstep 20_000: loss=2.2775\n", {"loss": [(10000, 0.0912), (20000, 2.2775)]}),
    Sample("print", "E001 loss 1.3237 acc 1.3600\nE002 loss 1.1397 acc 0.5306\n", {"loss": [(1, 1.3237), (2, 1.1397)], "acc": [(1, 1.36), (2, 0.5306)]}),
    Sample("print", "train loss 0.8821 | test loss 1.5904 [epoch 1]\ntrain loss 1.0671 | test loss 2.4834 [epoch 2]\n", {"train loss": [(1, 0.8821), (2, 1.0671)], "test loss": [(1, 1.5904), (2, 2.4834)]}),
    Sample("print", "0 loss: 0.9675\n100 loss: 2.5706\n", {"loss": [(0, 0.9675), (100, 2.5706)]}),
    Sample("print", "     0  train 1.5  val 2.5  lr 3e-4\n   100  train 0.5  val 2.25  lr 3e-4\n", {"train": [(0, 1.5), (100, 0.5)], "val": [(0, 2.5), (100, 2.25)], "lr": [(0, 3e-4), (100, 3e-4)]}),
    Sample("print", "Meta-iter 0: outer loss 1.6811, inner loss 2.4583\nMeta-iter 10: outer loss 0.2182, inner loss 2.5700\n", {"outer loss": [(0, 1.6811), (10, 0.2182)], "inner loss": [(0, 2.4583), (10, 2.57)]}),
    Sample("print", "step 1 rank 0 loss 1.0240\nstep 1 rank 1 loss 0.4346\nstep 2 rank 0 loss 2.7075\nstep 2 rank 1 loss 0.1921\n", {"rank0 loss": [(1, 1.024), (2, 2.7075)], "rank1 loss": [(1, 0.4346), (2, 0.1921)]}),
    Sample("print", "1 epochs done | loss 1.2440\n2 epochs done | loss 0.9032\n", {"loss": [(1, 1.244), (2, 0.9032)]}),
    Sample("print", "epoch 1 loss 1.3827 acc 2.8603 - train\nepoch 1 loss 0.8425 acc 2.0613 - val\nepoch 2 loss 1.9036 acc 0.9304 - train\nepoch 2 loss 1.5927 acc 2.9681 - val\n", {"loss": [(1, 1.3827), (2, 1.9036)], "acc": [(1, 2.8603), (2, 0.9304)], "val/loss": [(1, 0.8425), (2, 1.5927)], "val/acc": [(1, 2.0613), (2, 2.9681)]}),
    Sample("print", "Epoch 1/3 train loss: 2.5617\n***** Eval results *****\n  acc = 2.1267\n  eval_loss = 0.4518\n  global_step = 100\nEpoch 2/3 train loss: 2.8457\n***** Eval results *****\n  acc = 1.3279\n  eval_loss = 1.2819\n  global_step = 200\n", {"train loss": [(1, 2.5617), (2, 2.8457)], "eval/acc": [(1, 2.1267), (2, 1.3279)], "eval_loss": [(1, 0.4518), (2, 1.2819)]}),
    Sample("print", "TRAIN | 001 | loss 2.8421\nVALID | 001 | loss 1.7119\nTRAIN | 002 | loss 1.3158\nVALID | 002 | loss 2.2940\n", {"loss": [(1, 2.8421), (2, 1.3158)], "val/loss": [(1, 1.7119), (2, 2.294)]}),
    Sample("print", "iter 100: loss 2.3899, gpu mem 1234MB (peak 5678MB), 12.3 img/s\niter 200: loss 0.1899, gpu mem 1234MB (peak 5678MB), 12.3 img/s\n", {"loss": [(100, 2.3899), (200, 0.1899)]}),
    Sample("print", "Epoch 1 finished\n * loss: 2.4677\n * val loss: 1.6055\nEpoch 2 finished\n * loss: 0.8606\n * val loss: 2.7941\n", {"loss": [(1, 2.4677), (2, 0.8606)], "val loss": [(1, 1.6055), (2, 2.7941)]}),
    Sample("print", "100 episodes done, mean reward (last 100) 103.29, eps 0.50, speed 123.45 f/s\n200 episodes done, mean reward (last 100) 148.99, eps 0.37, speed 123.45 f/s\n", {"mean reward": [(100, 103.29), (200, 148.99)], "eps": [(100, 0.5), (200, 0.37)], "speed": [(100, 123.45), (200, 123.45)]}),
    Sample("print", " At iterate    1    f=  9.41763D-01    |proj g|=  1.2345D-01\n At iterate    2    f=  7.86367D-01    |proj g|=  1.2345D-02\n", {"f": [(1, 0.941763), (2, 0.786367)]}),
    Sample("print", "Epoch 1\n+----------+--------+\n| metric   | value  |\n+----------+--------+\n| loss     | 1.1119 |\n| accuracy | 1.5388 |\n+----------+--------+\nEpoch 2\n+----------+--------+\n| metric   | value  |\n+----------+--------+\n| loss     | 0.3977 |\n| accuracy | 0.7014 |\n+----------+--------+\n", {"loss": [(1, 1.1119), (2, 0.3977)], "accuracy": [(1, 1.5388), (2, 0.7014)]}),
    Sample("print", "step 1 loss 4\nstep 2 loss 3\nstep 3 loss 2\nwandb: Run summary:\nwandb:  loss 2\n", {"loss": [(1, 4), (2, 3), (3, 2)]}),
    Sample("print", "learning rate 0.1 -> 0.1\n(epoch: 1, iters: 100, time: 0.5) D_A: 0.5\n(epoch: 1, iters: 200, time: 0.5) D_A: 0.25\nlearning rate 0.1 -> 0.1\n(epoch: 2, iters: 100, time: 0.5) D_A: 0.125\n", {"time": [(100, 0.5), (200, 0.5), (300, 0.5)], "D_A": [(100, 0.5), (200, 0.25), (300, 0.125)]}),
    Sample("print", "[Epoch 0, Step 100] --- training total_loss: 3, kl_loss: 2\n[Epoch 0] --- validation total_loss: 4, kl_loss: 3\n[Epoch 1, Step 100] --- training total_loss: 2, kl_loss: 1\n", {"training total_loss": [(100, 3), (200, 2)], "kl_loss": [(100, 2), (200, 1)], "validation total_loss": [(100, 4)], "val/kl_loss": [(100, 3)]}),
    Sample("print", "Epoch 0\nVal loss: 4\nl1: 0.5 loss: 4\nTrain loss: 3\nl1: 0.25 loss: 3\nEpoch 1\nVal loss: 2\nl1: 0.5 loss: 2\nTrain loss: 1\nl1: 0.25 loss: 1\n", {"Val loss": [(0, 4), (1, 2)], "Train loss": [(0, 3), (1, 1)]}),
    Sample("print", "Epoch 1 loss 0.5\nEpoch 2 loss 0.25\nTest: Old nodes -- auc: 0.5, ap: 0.75\nTest: New nodes -- auc: 0.25, ap: 0.5\n", {"loss": [(1, 0.5), (2, 0.25)], "test/auc": [(2, 0.5)], "test/ap": [(2, 0.75)], "nodes/test/auc": [(2, 0.25)], "nodes/test/ap": [(2, 0.5)]}),
    Sample("print", "Evaluation over 10 episodes: -1.5\nTotal T: 1000 Reward: 2.5\nTotal T: 2000 Reward: 3.5\nEvaluation over 10 episodes: 1.5\n", {"Evaluation": [(0, -1.5), (2000, 1.5)], "Reward": [(1000, 2.5), (2000, 3.5)]}),
    Sample("print", " | Global Training Round : 2 |\nAvg Training Stats after 2 global rounds:\nTraining Loss : 1.5\n | Global Training Round : 4 |\nAvg Training Stats after 4 global rounds:\nTraining Loss : 0.5\n", {"Training Loss": [(2, 1.5), (4, 0.5)]}),
    Sample("print", "[Epoch] 1/8    [Phase] train    [Train Loss] 1.5    [Val Loss] 2.5\n[Epoch] 2/8    [Phase] train    [Train Loss] 0.5    [Val Loss] 1.5\n", {"Train Loss": [(1, 1.5), (2, 0.5)], "Val Loss": [(1, 2.5), (2, 1.5)]}),
    Sample("print", "Train loss 0 6.5 Grad Norm 9.5 2.27s/it\nValidation loss 0:  7.5\nTrain loss 1 5.5 Grad Norm 8.5 2.27s/it\n", {"Train loss": [(0, 6.5), (1, 5.5)], "Grad Norm": [(0, 9.5), (1, 8.5)], "Validation loss": [(0, 7.5)]}),
    Sample("print", "Epoch 1/15  train=0.5  val=0.25\n  pressure      R2=0.5  MAE=0.25\n  velocity_x    R2=0.75  MAE=0.5\nEpoch 2/15  train=0.25  val=0.125\n", {"train": [(1, 0.5), (2, 0.25)], "val": [(1, 0.25), (2, 0.125)], "pressure/R2": [(1, 0.5)], "pressure/MAE": [(1, 0.25)], "velocity_x/R2": [(1, 0.75)], "velocity_x/MAE": [(1, 0.5)]}),
    Sample("print", "epoch 1 loss 0.9604 acc 1.5232\nepoch 2 loss 2.5481 acc 0.7342\nepoch 3 loss 1.0944 acc 2.3457\nepoch 4 loss 2.9779 acc 0.4038\nepoch 5 loss 0.6478 acc 0.3534\n====================\nFinal results:\nacc: 0.7342\n", {"loss": [(1, 0.9604), (2, 2.5481), (3, 1.0944), (4, 2.9779), (5, 0.6478)], "acc": [(1, 1.5232), (2, 0.7342), (3, 2.3457), (4, 0.4038), (5, 0.3534)]}),
    Sample("print", "Iter-0; D_loss: 2.2758; G_loss: 1.7839\nIter-10; D_loss: 2.6536; G_loss: 2.2678\n", {"D_loss": [(0, 2.2758), (10, 2.6536)], "G_loss": [(0, 1.7839), (10, 2.2678)]}),
    Sample("print", "epoch: 0, train_batch_id: 0, avg_cost: 1.8078\nepoch: 0, train_batch_id: 20, avg_cost: 1.6832\nepoch: 0, train_batch_id: 40, avg_cost: 1.7668\nepoch: 1, train_batch_id: 0, avg_cost: 1.8907\n", {"avg_cost": [(0, 1.8078), (20, 1.6832), (40, 1.7668), (60, 1.8907)]}),
    Sample("print", "[1/3]--[5/15]\tLoss: 2.2248\tAtt_Loss: 2.5842\tDen_Loss: 1.4797\n[1/3]--[10/15]\tLoss: 1.4658\tAtt_Loss: 2.3102\tDen_Loss: 2.4150\n[1/3]--[15/15]\tLoss: 2.9711\tAtt_Loss: 0.1866\tDen_Loss: 2.7738\n[2/3]--[5/15]\tLoss: 0.7421\tAtt_Loss: 2.8958\tDen_Loss: 2.1089\n", {"Loss": [(5, 2.2248), (10, 1.4658), (15, 2.9711), (20, 0.7421)], "Att_Loss": [(5, 2.5842), (10, 2.3102), (15, 0.1866), (20, 2.8958)], "Den_Loss": [(5, 1.4797), (10, 2.415), (15, 2.7738), (20, 2.1089)]}),
    Sample("print", "Epoch: 1 MAE: 1.5036 ####  bestMAE: 0.03 bestEpoch: 1\nEpoch: 2 MAE: 1.7354 ####  bestMAE: 0.03 bestEpoch: 1\n", {"MAE": [(1, 1.5036), (2, 1.7354)], "bestMAE": [(1, 0.03), (2, 0.03)]}),
    Sample("print", "[0: 0/40] train loss: 2.5 accuracy: 0.5\n[0: 0/40] test loss: 3.5 accuracy: 0.25\n[0: 1/40] train loss: 2 accuracy: 0.75\n[1: 0/40] train loss: 1 accuracy: 0.875\n", {"train loss": [(0, 2.5), (1, 2), (40, 1)], "accuracy": [(0, 0.5), (1, 0.75), (40, 0.875)], "test loss": [(0, 3.5)], "test/accuracy": [(0, 0.25)]}),
    Sample("print", "Step      Train loss    Test loss\n0         [2.5e-01]    [2.25e-01]\n100       [1.5e-01]    [1.25e-01]\n", {"Train loss": [(0, 0.25), (100, 0.15)], "Test loss": [(0, 0.225), (100, 0.125)]}),
    Sample("tqdm", "\rtrain: 100%|##| 46/46 [00:15<00:00, 2.9it/s, dice_loss - 0.5, iou_score - 0.25]\n", {"dice_loss": [(46, 0.5)], "iou_score": [(46, 0.25)]}),
    Sample("print", "INFO: [a][epoch: 0, iter: 500, lr:(2e-4,)] l_pix: 0.5\nINFO: Validation Set5\n\t # psnr: 27.5\tBest: 27.5 @ 500 iter\nINFO: [a][epoch: 0, iter: 600, lr:(2e-4,)] l_pix: 0.25\n", {"lr": [(500, 2e-4), (600, 2e-4)], "l_pix": [(500, 0.5), (600, 0.25)], "val/psnr": [(500, 27.5)]}),
    Sample("print", "Step: 1, Loss: 2.5\nEvaluation result (beam): bleu: 21.5, loss: 4.5, 23.1[sec]\nStep: 2, Loss: 1.5\n", {"Loss": [(1, 2.5), (2, 1.5)], "eval/bleu": [(1, 21.5)], "eval/loss": [(1, 4.5)]}),
    Sample("print", " - lr: 0.001\n - epochs: 5\n - batch: 32\nEpoch 1/5 train loss: 2.5 val loss: 3.5\nEpoch 2/5 train loss: 1.5 val loss: 2.5\n", {"train loss": [(1, 2.5), (2, 1.5)], "val loss": [(1, 3.5), (2, 2.5)]}),
    Sample("print", "| lr | 0.001 |\n| step | 10 |\nEpoch 1/5 train loss: 2.5 val loss: 3.5\nEpoch 2/5 train loss: 1.5 val loss: 2.5\n", {"train loss": [(1, 2.5), (2, 1.5)], "val loss": [(1, 3.5), (2, 2.5)]}),
    Sample("print", "lr=0.001 batch_size=32 epochs=5 loss_weight=0.5 step=10 gamma=0.1\nEpoch 1/5 train loss: 2.5 val loss: 3.5\nEpoch 2/5 train loss: 1.5 val loss: 2.5\n", {"train loss": [(1, 2.5), (2, 1.5)], "val loss": [(1, 3.5), (2, 2.5)]}),
    Sample("print", "{\n  \"lr\": 0.001,\n  \"loss_weights\": {\"ce\": 1.0},\n  \"step\": 10,\n  \"batch_size\": 32\n}\nEpoch 1/5 train loss: 2.5 val loss: 3.5\nEpoch 2/5 train loss: 1.5 val loss: 2.5\n", {"train loss": [(1, 2.5), (2, 1.5)], "val loss": [(1, 3.5), (2, 2.5)]}),
    Sample("print", "[warmup] iter 1: loss=4\n[warmup] iter 2: loss=3\n[main] iter 1: loss=2\n[main] iter 2: loss=1\n", {"loss": [(1, 4), (2, 3)], "main/loss": [(1, 2), (2, 1)]}),
    Sample("gbm", "=== Fold 1 ===\n[0]\tvalid-auc:0.5\n[1]\tvalid-auc:0.75\n=== Fold 2 ===\n[0]\tvalid-auc:0.25\n[1]\tvalid-auc:0.5\n", {"valid-auc": [(0, 0.5), (1, 0.75)], "fold=2/valid-auc": [(0, 0.25), (1, 0.5)]}),
    Sample("tqdm", "Validating\n\r  0%|   | 0/2 [00:00<?, ?it/s]\r100%|###| 2/2 [00:00<00:00, 1.0s/it, acc=0.5]\n\r  0%|   | 0/2 [00:00<?, ?it/s]\r 50%|#  | 1/2 [00:00<00:00, 1.0s/it, acc=0.25]", {"val/acc": [(0, 0.5)], "acc": [(1, 0.25)]}),
    Sample("print", "Epoch 1/4 | Val MSE: 0.5 (RMSE: 0.75) | LR: 0.01\nEpoch 2/4 | Val MSE: 0.25 (RMSE: 0.5) | LR: 0.02\n", {"Val MSE": [(1, 0.5), (2, 0.25)], "val/RMSE": [(1, 0.75), (2, 0.5)], "LR": [(1, 0.01), (2, 0.02)]}),
    Sample("print", "Epoch 1, Itrs 10/30, Loss=2.5\nEpoch 1, Itrs 20/30, Loss=1.5\nvalidation...\nMean IoU: 0.5\nEpoch 2, Itrs 30/30, Loss=0.5\n", {"Loss": [(10, 2.5), (20, 1.5), (30, 0.5)], "val/Mean IoU": [(20, 0.5)]}),
    Sample("print", "Epoch 1 | iter 4 step 1 | loss train: 2.5, val: n/a | iter time: 3.5 ms\nEpoch 1 | iter 8 step 2 | loss train: 1.5, val: 3.5 | iter time: 2.5 ms\n", {"loss": [(4, 2.5), (8, 1.5)], "iter time": [(4, 3.5), (8, 2.5)], "val": [(8, 3.5)]}),
    Sample("print", "2026-04-08 20:37:40,001 INFO [train.py:9] (0/2) Epoch 1, batch 0, loss[loss=2.5, kl=4.5, over 70.00 frames. ], tot_loss[loss=3.5, kl=5.5, over 90.00 frames. ], batch size: 31\n2026-04-08 20:37:41,001 INFO [train.py:9] (1/2) Epoch 1, batch 0, loss[loss=2.25, kl=4.25, over 80.00 frames. ], tot_loss[loss=3.25, kl=5.25, over 90.00 frames. ], batch size: 34\n2026-04-08 20:37:42,001 INFO [train.py:9] (0/2) Epoch 1, batch 50, loss[loss=1.5, kl=3.5, over 70.00 frames. ], tot_loss[loss=2.5, kl=4.5, over 90.00 frames. ], batch size: 26\n2026-04-08 20:37:43,001 INFO [train.py:9] (1/2) Epoch 1, batch 50, loss[loss=1.25, kl=3.25, over 80.00 frames. ], tot_loss[loss=2.25, kl=4.25, over 90.00 frames. ], batch size: 26\n", {"loss": [(0, 2.5), (50, 1.5)], "kl": [(0, 4.5), (50, 3.5)], "tot_loss loss": [(0, 3.5), (50, 2.5)], "tot_loss kl": [(0, 5.5), (50, 4.5)], "rank1 loss": [(0, 2.25), (50, 1.25)], "rank1 kl": [(0, 4.25), (50, 3.25)], "rank1 tot_loss loss": [(0, 3.25), (50, 2.25)], "rank1 tot_loss kl": [(0, 5.25), (50, 4.25)]}),
    Sample("print", "I0331 09:27:30.524849 140186 terminal.py:91] [Learner] Loss = 2.5 | Learner Steps = 250 | Steps Per Second = 25.5\nI0331 09:27:33.255910 140186 terminal.py:91] [Actor] Actor Steps = 1000 | Episode Return = 70.5 | Steps Per Second = 95.5\nI0331 09:27:37.955014 140186 terminal.py:91] [Learner] Loss = 1.5 | Learner Steps = 500 | Steps Per Second = 24.5\nI0331 09:27:40.200047 140186 terminal.py:91] [Actor] Actor Steps = 2000 | Episode Return = 90.5 | Steps Per Second = 96.5\n", {"Loss": [(250, 2.5), (500, 1.5)], "Steps Per Second": [(250, 25.5), (500, 24.5)], "Actor/Episode Return": [(1000, 70.5), (2000, 90.5)], "Actor/Steps Per Second": [(1000, 95.5), (2000, 96.5)]}),
    Sample("print", "Epoch: [0][ 0/20]\tLoss 6.5 (7.5)\nEpoch: [0][10/20]\tLoss 5.5 (6.5)\nTest: [0/4]\tLoss 4.5 (4.25)\n *   Acc@1 49.5 Acc@5 63.5\nEpoch: [1][ 0/20]\tLoss 4.5 (5.5)\n", {"Loss": [(0, 6.5), (10, 5.5), (20, 4.5)], "test/Acc@1": [(10, 49.5)], "test/Acc@5": [(10, 63.5)]}),
    Sample("print", "iter 19  total_loss: 2.5\niter 39  total_loss: 1.5\nEvaluation results for bbox:\n|   AP   |  AP50  |\n|:------:|:------:|\n| 26.775 | 45.415 |\niter 59  total_loss: 0.5\n", {"total_loss": [(19, 2.5), (39, 1.5), (59, 0.5)], "AP": [(39, 26.775)], "AP50": [(39, 45.415)]}),
    Sample("fairseq", "[2026-04-05 11:08:16,775][train_inner][INFO] - {\"epoch\": 1, \"update\": 0.2, \"loss\": \"2.5\", \"num_updates\": \"100\"}\n[2026-04-05 11:11:15,228][dev_other][INFO] - {\"epoch\": 1, \"dev_other_loss\": \"3.5\", \"dev_other_num_updates\": \"500\"}\n", {"train_inner/loss": [(100, 2.5)], "dev_other/loss": [(500, 3.5)]}),
    Sample("tqdm", "\r  0%|  | 0/2 [00:00<?, ?it/s]\r1|1|Loss: 2.5:  50%|# | 1/2 [00:02<00:02,  2.2s/it]\r1|2|Loss: 1.5: 100%|##| 2/2 [00:04<00:00,  2.2s/it]INFO:utils:Saving checkpoint\n\r  0%|  | 0/2 [00:00<?, ?it/s]\r2|3|Loss: 0.5:  50%|# | 1/2 [00:02<00:02,  2.2s/it]\n", {"Loss": [(1, 2.5), (2, 1.5), (3, 0.5)]}),
    Sample("metriclogger", "Epoch: [0]  [ 0/20]  eta: 0:00:10  loss: 2.5 (2.5)  time: 0.5\nEpoch: [0]  [10/20]  eta: 0:00:10  loss: 1.5 (2.0)  time: 0.5\nEpoch: [0] Total time: 0:01:28 (0.5562 s / it)\nAveraged stats: loss: 2.25 (2.0)\nEpoch: [1]  [ 0/20]  eta: 0:00:10  loss: 1.25 (1.25)  time: 0.5\nEpoch: [1] Total time: 0:01:28 (0.5562 s / it)\nAveraged stats: loss: 1.25 (1.0)\n", {"loss": [(0, 2.5), (10, 1.5), (20, 1.25)], "loss_avg": [(0, 2.5), (10, 2), (20, 1.25)], "time": [(0, 0.5), (10, 0.5), (20, 0.5)], "epoch loss": [(10, 2.25), (20, 1.25)]}),
    Sample("print", "The time elapse of epoch 000 is: 00: 01: 21\nHR: 0.36\tNDCG: 0.25\nThe time elapse of epoch 001 is: 00: 02: 57\nHR: 0.406\tNDCG: 0.5\n", {"HR": [(0, 0.36), (1, 0.406)], "NDCG": [(0, 0.25), (1, 0.5)]}),
    Sample("print", "[ 03-21 | 21:36 ] Task 1 | epoch 1/2 | ██████████ | 57.07 ep/h | loss: 1.5\n[ 03-21 | 21:37 ] Task 1 | epoch 2/2 | ██████████ | 57.07 ep/h | loss: 0.5\n", {"loss": [(1, 1.5), (2, 0.5)]}),
    Sample("print", "---Round number: 0---\nTrain Loss: 2.5\nTest AUC: 0.5\n----- time cost ----- 10.5\n---Round number: 1---\nTrain Loss: 1.5\nTest AUC: 0.75\n----- time cost ----- 10.25\n", {"Train Loss": [(0, 2.5), (1, 1.5)], "Test AUC": [(0, 0.5), (1, 0.75)]}),
    Sample("print", "Epoch[0] Evaluation metric 'epoch_loss'=2.5\nEpoch[0] Evaluation metric 'validation_epoch_loss'=3.5\nEpoch[1] Evaluation metric 'epoch_loss'=1.5\nEpoch[1] Evaluation metric 'validation_epoch_loss'=2.5\n", {"epoch_loss": [(0, 2.5), (1, 1.5)], "validation_epoch_loss": [(0, 3.5), (1, 2.5)]}),
    Sample("tqdm", "Epoch 1/2\n\r  0%|  | 0/2 [00:00<?, ?it/s]\r 50%|# | 1/2 [00:02<00:02,  2.2s/it, loss=2.5]\r100%|##| 2/2 [00:04<00:00,  2.2s/it, loss=2.0]\nVal acc: 0.5\nEpoch 2/2\n\r  0%|  | 0/2 [00:00<?, ?it/s]\r 50%|# | 1/2 [00:02<00:02,  2.2s/it, loss=1.5]\r100%|##| 2/2 [00:04<00:00,  2.2s/it, loss=1.0]\nVal acc: 0.75\n", {"loss": [(1, 2), (2, 1)], "Val acc": [(1, 0.5), (2, 0.75)]}),
    Sample("tqdm", "Epoch 1\nTrain: 100%|##| 9/9 [00:05<00:00, 1.9it/s, loss=2.5]\nVal: 100%|##| 3/3 [00:01<00:00, 2.9it/s, loss=3.5]\nEpoch 2\nTrain: 100%|##| 9/9 [00:05<00:00, 1.9it/s, loss=1.5]\nVal: 100%|##| 3/3 [00:01<00:00, 2.9it/s, loss=2.5]\n", {"loss": [(1, 2.5), (2, 1.5)], "val/loss": [(1, 3.5), (2, 2.5)]}),
    Sample("print", "Epoch 1/2\nstep  10/20 - loss: 2.5 - acc: 0.5 - 20ms/step\nstep  20/20 - loss: 2.25 - acc: 0.5 - 20ms/step\nstep 5/5 - loss: 1.75 - acc: 0.5 - 10ms/step\nEpoch 2/2\nstep  10/20 - loss: 1.5 - acc: 0.75 - 20ms/step\n", {"loss": [(10, 2.5), (20, 2.25), (30, 1.5)], "acc": [(10, 0.5), (20, 0.5), (30, 0.75)]}),
    Sample("print", "Époque 1/2 : perte = 2.5, perte validation = 3.5\nÉpoque 2/2 : perte = 1.5, perte validation = 2.5\n", {"perte": [(1, 2.5), (2, 1.5)], "perte validation": [(1, 3.5), (2, 2.5)]}),
    Sample("print", "エポック 1/2  損失: 2.5  検証損失: 3.5\nエポック 2/2  損失: 1.5  検証損失: 2.5\n", {"損失": [(1, 2.5), (2, 1.5)], "val 損失": [(1, 3.5), (2, 2.5)]}),
    Sample("print", "Epoch 1 done. acc 0.5 and loss 2.5\nEpoch 2 done. acc 0.75 and loss 1.5\n", {"acc": [(1, 0.5), (2, 0.75)], "loss": [(1, 2.5), (2, 1.5)]}),
    Sample("print", "\nEpoch: 0\n [===>..]  Step: 62ms | Tot: 1s | Loss: 2.5 | Acc: 44.5% (445/1000)     \b\b 1/2 \r [=====>]  Step: 62ms | Tot: 2s | Loss: 2.25 | Acc: 44.75% (895/2000)     \b\b 2/2 \n [=====>]  Step: 62ms | Tot: 2s | Loss: 3.5 | Acc: 40.5% (405/1000)     \b\b 1/1 \nSaving..\n\nEpoch: 1\n [===>..]  Step: 62ms | Tot: 1s | Loss: 1.5 | Acc: 54.5% (545/1000)     \b\b 1/2 \r", {"Loss": [(1, 2.5), (2, 2.25), (3, 1.5)], "Acc": [(1, 44.5), (2, 44.75), (3, 54.5)]}),
    Sample("print", "step 100 loss 2.5\nstep 200 loss 1.5\n Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.351\n Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = 0.551\nstep 300 loss 0.5\n", {"loss": [(100, 2.5), (200, 1.5), (300, 0.5)], "eval/Average Precision AP (IoU@0.50-0.95 area@all maxDets@100)": [(200, 0.351)], "eval/Average Precision AP (IoU@0.50- area@all maxDets@100)": [(200, 0.551)]}),
    Sample("print", "[1,  2000] loss: 2.5\n[1,  4000] loss: 2.25\nAccuracy of the network on the 10000 test images: 55 %\n[2,  2000] loss: 1.5\n", {"loss": [(2000, 2.5), (4000, 2.25), (6000, 1.5)], "test Accuracy": [(4000, 55)]}),
    Sample("print", "step 10 loss 2.5\nstep 20 loss 1.5\nknn eval @ step 20: acc 0.5\n", {"loss": [(10, 2.5), (20, 1.5)], "eval/acc": [(20, 0.5)]}),
    Sample("print", "[ 10/20] loss: 2.5\n     sampling 500 images ...\n     FID: 60.5  IS: 6.5\n[ 20/20] loss: 1.5\n", {"loss": [(10, 2.5), (20, 1.5)], "FID": [(10, 60.5)], "IS": [(10, 6.5)]}),
    Sample("print", "\titers: 100, epoch: 1 | loss: 2.5\n\titers: 200, epoch: 1 | loss: 2.25\nEpoch: 1, Steps: 263 | Train Loss: 2.5 Vali Loss: 3.5\n\titers: 100, epoch: 2 | loss: 1.5\n", {"loss": [(100, 2.5), (200, 2.25), (363, 1.5)], "Train Loss": [(263, 2.5)], "Val Loss": [(263, 3.5)]}),
    Sample("tqdm", "".join(BAR.format(f"Train {epoch}", loss) + BAR.format(f"Valid {epoch}", loss) for epoch, loss in ((1, 2.5), (2, 1.5))), {"loss": [(1, 2.5), (2, 1.5)], "valid/loss": [(1, 2.5), (2, 1.5)]}),
    Sample("columns", "Epoch 5/40\nsplit    loss    AUC\n-------  ------  -----\ntrain    0.5     0.75\nval      1.5     0.5\n\nEpoch 10/40\nsplit    loss    AUC\n-------  ------  -----\ntrain    0.25    1.0\nval      1.25    0.75\n", {"loss": [(5, 0.5), (10, 0.25)], "AUC": [(5, 0.75), (10, 1)], "val/loss": [(5, 1.5), (10, 1.25)], "val/AUC": [(5, 0.5), (10, 0.75)]}),
    Sample("print", "config: image_size=64 timesteps=1000 lr=0.5 ema=0.75\nEpoch 1: avg loss 2.5 (9.5 s)\nEpoch 2: avg loss 1.5 (9.5 s)\n", {"avg loss": [(1, 2.5), (2, 1.5)]}),
    Sample("print", "{'epoch': 0, 'train_loss': 2.5, 'val_kappa': 0.5}\n{'epoch': 1, 'train_loss': 1.5, 'val_kappa': 0.75}\n{'test_kappa': 0.75, 'test_mf1': 0.5}\n", {"train_loss": [(0, 2.5), (1, 1.5)], "val_kappa": [(0, 0.5), (1, 0.75)], "test_kappa": [(1, 0.75)], "test_mf1": [(1, 0.5)]}),
    Sample("print", "train epoch 1 [200/500] loss 2.5\ntrain epoch 1 [400/500] loss 2.25\nvalid epoch 1 loss 3.5\ntrain epoch 2 [200/500] loss 1.5\nvalid epoch 2 loss 2.5\n", {"loss": [(200, 2.5), (400, 2.25), (700, 1.5)], "val/loss": [(500, 3.5), (700, 2.5)]}),
    Sample("print", "TRAIN Batch 0/0 loss 2.5 acc 0.5\nTRAIN Batch 0/100 loss 2.25 acc 0.5\nTRAIN Batch 0/200 loss 2.0 acc 0.5\n", {"loss": [(0, 2.5)], "acc": [(0, 0.5)]}),
    Sample("print", "name epoch loss acc\nmlp 1 2.5 0.5\nval_acc=0.5\nmlp 2 1.5 0.75\nval_acc=0.75\n", {"loss": [(1, 2.5), (2, 1.5)], "acc": [(1, 0.5), (2, 0.75)], "val_acc": [(1, 0.5), (2, 0.75)]}),
    Sample("print", "fold 1 step 10 loss 2.5\nfold 1 step 20 loss 1.5\nfold 2 step 30 loss 2.25\nfold 2 step 40 loss 1.25\n", {"loss": [(10, 2.5), (20, 1.5)], "fold=2/loss": [(30, 2.25), (40, 1.25)]}),
    Sample("print", "Epoch 1/2 | Train Loss: 2.5 | Val Acc: 50.5%\n  -> saved checkpoint (val acc 50.5%)\nEpoch 2/2 | Train Loss: 1.5 | Val Acc: 40.5%\nTraining finished. Best val acc: 50.5%\n", {"Train Loss": [(1, 2.5), (2, 1.5)], "Val Acc": [(1, 50.5), (2, 40.5)]}),
    Sample("print", "INFO - Epoch 1/9 - loss: 2.5\nINFO - Epoch 1/9 - val_loss: 3.5\nWARNING - Non-finite gradient norm at batch 37, step skipped\nINFO - Epoch 2/9 - loss: 1.5\nINFO - Epoch 2/9 - val_loss: 2.5\n", {"loss": [(1, 2.5), (2, 1.5)], "val_loss": [(1, 3.5), (2, 2.5)]}),
    Sample("print", "epoch 0 training [time: 0.5s, train loss: 2.5]\nepoch 0 evaluating [time: 0.25s, valid_score: 0.5]\nepoch 1 training [time: 0.5s, train loss: 1.5]\nepoch 1 evaluating [time: 0.25s, valid_score: 0.75]\n", {"time": [(0, 0.5), (1, 0.5)], "train loss": [(0, 2.5), (1, 1.5)], "valid_score": [(0, 0.5), (1, 0.75)]}),
    Sample("tqdm", "".join(f"\rEpoch {n}/2:   0%|  | 0/9 [00:00<?, ?it/s]\rEpoch {n}/2: 100%|##| 9/9 [00:05<00:00, 1.9it/s, cls={n}.5]\n\rValidating:   0%|  | 0/3 [00:00<?, ?it/s]\rValidating: 100%|##| 3/3 [00:01<00:00, 2.9it/s]\nval loss {n}.25, val mAP@0.5 0.5\n" for n in (1, 2)), {"cls": [(0, 1.5), (1, 2.5)], "val loss": [(0, 1.25), (1, 2.25)], "val mAP@0.5": [(0, 0.5), (1, 0.5)]}),
]  # fmt: skip

DECOYS = [
    " #   Column  Non-Null Count  Dtype  \n---  ------  --------------  -----  \n 0   Id      891 non-null    int64  \n\nSurvived\n0    549\n1    342\n",
    "E   AssertionError: accuracy 0.8125 below 0.9\n" * 2,
    "  eval_interval ................ 1000\n  iteration .................... 1\n  loss_scale ................... 12.0\n  lr ........................... 0.1\n",
    "{'batch_size': 32,\n 'epoch': 300.0,\n 'lr_factor': 0.5}\nEarly stopping occurred at epoch 6 with best_epoch = 2 and best_valid_accuracy = 0.76\n",
    "wandb: Run summary:\nwandb:  loss 0.5\nwandb:  val_acc 0.91\n",
    "[1k/50k] loss: 0.5\n[2k/50k] loss: 0.25\n10% done, loss 0.5\n20% done, loss 0.25\n",
    "iter 1: read 1024 MB in 0.5 s\niter 2: read 1024 MB in 0.25 s\nEPOCH 1: on 19876 raw words (123 effective words) took 0.1s\n",
    "#1 transferring dockerfile: 812B done\n#1 DONE 0.0s\n#2 [1/10] RUN step 2\n#2 DONE 8.7s\n#3 [2/10] RUN step 3\n#3 DONE 5.3s\n",
    "act=relu:0.5 done\na=b:0.5, c\n",
    "min_lr = 1e-4\nmax_iters = 5000\nlearning_rate = 1e-3 # with baby networks\n",
    "iter: 5\nepochs: 100, lr: 0.1\nstep: 10, lr: 3\nNamespace(epoch=3, lr=0.1)\n",
    "{'_name': None, 'lr': 0.5, 'log_interval': 5}\nepochs=6, batch=8\n",
    "Saving model at epoch 3 to /a/ckpt_100.pt\nSaving model at epoch 4 to /a/ckpt_200.pt\n",
    "\r 50%|#####     | 60/120 [00:00<00:01, 60.11it/s]\r100%|##########| 120/120 [00:01<00:00, 62it/s]\n",
    "lr: 0.1\nbatch_size: 32\n| name | value |\n",
    "Epoch 1/5\nEpoch 2/5\n",
    "Epoch 1, global step 100: 'val_loss' reached 0.5 (best 0.5), saving model to '/a/epoch=1-step=100.ckpt' as top 1\nEpoch 2, global step 200: 'val_loss' was not in top 1\n",
    "Epoch 1: adjusting learning rate of group 0 to 1.0000e-03.\nEpoch 2: adjusting learning rate of group 0 to 5.0000e-04.\n",
    "step 1 of 5\nstep 2 of 5\n[1/5] Installing packages 20%\n[2/5] Done in 3.5s\n",
    "[1/2] /usr/bin/nvcc -DTORCH_ABI=0 -std=c++17 -c a.cu\n[2/2] c++ -DTORCH_ABI=0 a.o\n",
    "Step 1: Download\n  size: 500 MB\nStep 2: Extract\n  files: 20\n",
    "  | Name  | Type   | Params | Mode \n------------\n0 | net   | Linear | 1.3 K  | train\n1 | loss  | CE     | 0      | train\n",
    "2026-01-01 10:00:00,123 INFO data Config: lr=0.001 batch_size=32\n2026-01-01 10:00:00,123 WARNING data no GPU found: 0 of 1 used\n",
    "INFO data epoch 0 loaded 1797 images in 0.12 s\nINFO data epoch 1 loaded 1797 images in 0.12 s\n",
    "lr = 0.001, batch = 32\nlr = 0.002, batch = 64\nBest val acc: 0.8667 at epoch 11\nbest epoch: 12, loss: 0.5\n",
    "INFO trainer Epoch 1 took 12.5 s\nINFO trainer Epoch 2 took 12.5 s\n",
    "Test: [1/9] Loss 2\nTest: [2/9] Loss 3\nvalid (3/9) loss 3\n",
    "Step 1: Ran 1 train steps in 5.1 secs\nStep 2: Ran 1 train steps in 5.2 secs\n",
    "step 1: loss 0,512 acc 0,9\nstep 2: loss 0,412 acc 0,91\n",
    "[1/5] Installing a\n[2/5] Removing b 3\n",
    "step 0.12 loss 2\nstep 0.13 loss 1\n",
    "10 epochs without improvement, best 0.5\n11 epochs without improvement, best 0.5\n",
    "\rLoading 3 shards: 50%|## | 1/2 [00:01<00:01, 1.00it/s]\rfold 2: 100%|## | 2/2 [00:01<00:00, 1.00it/s]\n",
    "╭──────────────╮\n│ Trial a config │\n├──────────────┤\n│ lr    0.5 │\n╰──────────────╯\n",
    "{'epochs': 3,\n 'step_size': 10,\n 'lr': 0.5}\n",
    "total steps: 1000 | warmup steps: 100 | lr: 0.1\ntotal steps: 1000 | warmup steps: 100 | lr: 0.1\n",
    "iteration 1: merged (101, 102) -> 256, count 900\niteration 2: merged (101, 103) -> 257, count 800\n",
    "|   0  NVIDIA H100 80GB HBM3  On  |   00000000:19:00.0 Off |   0 |\nmemory allocated: 1.5 GB at epoch end\n",
]


def found(lines: TextLines, *blocks: str) -> Found:
    series: Found = {}
    for block in blocks:
        add(series, lines.decode(block.encode(), 0))
    add(series, lines.finish(0))
    return series


def add(series: Found, decoded: Decoded) -> None:
    for name, points in decoded.series.items():
        pairs = zip(points.steps.tolist(), map(repr, points.values.tolist()), strict=True)
        series.setdefault(name, []).extend((float(step), value) for step, value in pairs)


def wanted(sample: Sample) -> Found:
    return {
        name: [(float(step), repr(float(value))) for step, value in points]
        for name, points in sample.series.items()
    }


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one.kind)
def test_lines_that_a_training_prints(sample: Sample) -> None:
    assert found(TextLines(), sample.text) == wanted(sample)
    assert found(TextLines(), "Loading data\nlr = 0.1\n", sample.text) == wanted(sample)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one.kind)
def test_lines_of_a_source_that_is_named(sample: Sample) -> None:
    lines = TextLines(is_named=True)
    assert found(lines, sample.text) == wanted(sample)


def test_values_without_steps_are_read_live_once_enough() -> None:
    reader = TextLines()
    for count in range(9):
        assert reader.decode(b"loss 0.5\n", 0).series == {}, count
    assert reader.decode(b"loss 0.25\n", 0).series["loss"].steps.tolist() == [*range(10)]
    assert reader.decode(b"loss 0.25\n", 10).series["loss"].steps.tolist() == [10]


@pytest.mark.parametrize("text", DECOYS)
def test_other_lines_are_no_metrics(text: str) -> None:
    assert found(TextLines(), text) == {}


@pytest.mark.parametrize("beginning", ["epoch ", "INFO ", ""])
@pytest.mark.parametrize("filling", [" ", "- ", "1 ", "[1] ", "val ", "epoch: ", "<", ":a", "a."])
def test_a_line_that_is_endlessly_alike_is_soon_given_up(filling: str, beginning: str) -> None:
    """Read by a pattern that tries all ways to part it, it would take a minute and more."""
    line = f"{beginning}{filling * (60_000 // len(filling))}x\n"
    assert found(TextLines(), line * 3) == {}


@pytest.mark.parametrize(
    ("beginning", "filling", "end"),
    [
        ("", "\t", "[42]"),
        ("127.0.0.1 ", "[42] ", "[42]"),
        ("[1] https://", "127.0.0.1", "x"),
        ("[1]\tauc: ", "a ", "x"),
        ("Epoch 1: ", "\t", "x"),
    ],
)
def test_a_line_of_many_kilobytes_is_soon_given_up(beginning: str, filling: str, end: str) -> None:
    line = f"{beginning}{filling * (60_000 // len(filling))}{end}\n"
    assert found(TextLines(), line * 3) == {}


@pytest.mark.parametrize(
    "lines",
    [
        "step {i} loss_{i} 0.5 loss{i} 0.5\n",
        "set{i}: step 3 loss 0.5\n",
        "fold {i} epoch 3 loss 0.5\n",
        "=== method {i} ===\nepoch 1 loss 0.5\nepoch 2 loss 0.5\n",
        "[rank{i}] step 1 loss 0.5\n",
        "job {x}: 10%|# | 1/10 [00:01<00:01, loss=0.5]\n",
        "| epoch | loss |\n| {i} | 0.5 |\n",
        "epoch {i}/9\nbatch 3: loss 0.5\n{x} loss 0.5\n",
        '{{"step": {i}, "loss_{i}": 0.5}}\n',
    ],
)
def test_what_is_kept_of_a_log_is_bounded(lines: str) -> None:
    reader = TextLines()
    letters = str.maketrans("0123456789", "abcdefghij")
    sizes = []
    for at in range(2):
        made = (lines.format(i=i, x=str(i).translate(letters)) for i in range(2000))
        text = "".join(made).replace("loss_", f"loss_{at}_")
        reader.decode(text.encode(), 0)
        sizes.append(len(json.dumps(reader.state)))
    assert sizes[-1] < 1.2 * sizes[0] + 2000, sizes


def test_processes_beyond_the_limit_are_counted_as_unread() -> None:
    reader = TextLines()
    reader.decode("".join(f"[rank{i}] step 1 loss 0.5\n" for i in range(1030)).encode(), 0)
    assert unread(reader.state) == (6, "[rank1024] step 1 loss 0.5")


@pytest.mark.parametrize(
    ("text", "points", "said"),
    [
        ("step {0} loss 0.5{0}\nstep {0} (ema) loss 0.7{0}\n", 5, (5, "step 1 (ema) loss 0.71")),
        ("step {0} loss 0.5{0}4\nstep {0} (again) loss 0.5{0}\n", 5, (0, "")),
        ("step {0} loss 0.5{0}\nstep {0} loss 0.6{0}\n", 10, (0, "")),  # ranks without a label
        ("".join(f"step {{0}} loss 0.{k}{{0}}\n" for k in range(10)), 0, (40, "step 2 loss 0.02")),
        ("loss 0.9{0}\nloss 0.8{0}\nepoch {0} done\n", 0, (10, "loss 0.91")),
    ],
)
def test_a_series_that_contradicts_itself_is_not_read(
    text: str, points: int, said: tuple[int, str]
) -> None:
    reader = TextLines()
    read = found(reader, "".join(text.format(at) for at in range(1, 6)))
    drawn = [read[name] for name in read if name not in denied(reader.state)]
    assert (sum(map(len, drawn)), unread(reader.state)) == (points, said)


def test_names_beyond_the_limit_are_counted_as_unread() -> None:
    reader = TextLines()
    text = "".join(f"step {i} loss_{i} 0.5\n" for i in range(2010))
    assert len(found(reader, text)) == 2000
    assert unread(reader.state) == (10, "step 2000 loss_2000 0.5")
    assert found(reader, "step 9 loss_7 0.25\n") == {"loss_7": [(9, "0.25")]}


@pytest.mark.parametrize(
    "rubbish", [b"\0" * 9, b"\xff\xfe\x00loss 0.5\x9b[3m", b"\x1b[31", b"\x1b]0;"]
)
def test_rubbish_costs_no_other_line(rubbish: bytes) -> None:
    text = b"step 1 loss 0.5\n" + rubbish + b"\nstep 2 loss 0.25\n"
    assert found_in(text) == {"loss": [(1, "0.5"), (2, "0.25")]}


def found_in(text: bytes) -> Found:
    series: Found = {}
    lines = TextLines()
    add(series, lines.decode(text, 0))
    add(series, lines.finish(0))
    return series


@given(st.sampled_from(SAMPLES), st.integers(0, 2**32))
def test_wherever_a_log_is_cut(sample: Sample, seed: int) -> None:
    """A reader meets any number of whole lines, and a new one continues from the stored state."""
    rng, data = random.Random(seed), sample.text.encode()
    state: dict[str, Any] = {}
    series: Found = {}
    while data:
        lines = TextLines(None, state)
        block = data[: rng.randint(1, len(data))]
        block = block[: lines.cut(block)] or data[: lines.cut(data)] or data
        add(series, lines.decode(block, 0))
        state, data = lines.state, data[len(block) :]
    add(series, TextLines(None, state).finish(0))
    assert series == found(TextLines(), sample.text)


RUNS = {
    "places": "Epoch {epoch} [{place}/40] loss: {x:.4f} lr: {small:.3g}\n",
    "stamps": "2026-11-24 10:00:{place:02} INFO trainer: step={step:,} loss={x:.4f} acc={place}/40\n",
    "epochs": "{{'loss': {x:.4f}, 'epoch': {share:.2f}}}\n",
    "padded": " iteration {step:8d}/     200 | lm loss: {x:.6E} | grad norm: {nan} |\n",
    "restarts": "batch {place}/40 loss {x:.2f} time {nan}ms\n",
    "bracket": "[11/24 10:00:00 d2]:  iter: {step}  loss: {x:.4f}  max_mem: 2048M\n",
}


@pytest.mark.parametrize("form", RUNS.values(), ids=RUNS)
def test_lines_of_one_form_are_read_as_one_by_one(form: str) -> None:
    rng = random.Random(1)
    made = [
        form.format(
            epoch=at // 40, place=at % 40, step=at, share=at / 40, x=rng.random(),
            small=rng.random() * 1e-4, nan=rng.choice(["nan", "0.5", "1e-5", "7", "-inf"]),
        )
        for at in range(1, 200)
    ]  # fmt: skip
    made.insert(100, "Training the other model\n")
    lines, one_by_one, series = TextLines(), TextLines(), Found()
    for line in made:
        add(series, one_by_one.decode(line.encode(), 0))
    add(series, one_by_one.finish(0))
    assert found(lines, "".join(made)) == series
    assert repr(lines.state) == repr(one_by_one.state)


def long_bar(hours: int, every: int = 20) -> list[str]:
    """What is drawn of a bar of an iteration a second, now and then."""
    whole = hours * 3600
    return [
        f"\rtrain:  1%|#  | {at}/{whole} [{at // 3600}:{at // 60 % 60:02}:{at % 60:02}<1:00, 1.0it/s, loss={at / 10}]"
        for at in range(0, whole + 1, every)
    ]


def test_a_day_long_bar_gives_points_meanwhile() -> None:
    lines = long_bar(24)
    once = found(TextLines(is_named=True), *lines)["loss"]
    steps = [step for step, _ in once]
    assert [value for _, value in once] == [repr(step / 10) for step in steps]
    assert steps[0] == 600
    assert set(map(int, (after - before for before, after in itertools.pairwise(steps)))) == {60}
    assert steps[-1] == 24 * 3600
    halves = found(TextLines(is_named=True), "".join(lines[:3000]), "".join(lines[3000:]))
    assert halves["loss"] == once


def test_a_logs_only_bar_gives_some_of_its_positions() -> None:
    lines = [
        f"\r{at // 4:3}%|#  | {at}/400 [00:{at % 60:02}<1:00, 1.0it/s, loss={at / 10}]"
        for at in range(401)
    ]
    seen = found(TextLines(is_named=True), *lines)["loss"]
    steps = [step for step, _ in seen]
    assert [value for _, value in seen] == [repr(step / 10) for step in steps]
    assert 50 <= len(steps) <= 101
    assert (steps[0], steps[-1]) == (0, 400)
    assert steps == sorted(set(steps))


def test_a_single_bar_after_several_earlier_is_an_epoch() -> None:
    bar = "\r{}0%|#  | {}/2 [00:0{}<00:01, 1.0it/s, loss={}]"
    log = "".join(bar.format(at, at, at, loss) for loss in (3, 2, 1) for at in (1, 2))
    first = TextLines()
    found(first, log)
    second = TextLines(None, carried_over(first.state))
    assert found(second, log[: len(log) // 3])["loss"] == [(0, "3.0")]


def test_bars_of_epochs_continue_in_the_next_attempt() -> None:
    def log(epoch: int) -> str:
        return f"\rEpoch {epoch}/4: 100%|##| 3/3 [00:00<00:00, 9.1it/s, loss={epoch}.5]\n"

    first = TextLines()
    assert found(first, log(1), log(2))["loss"] == [(0, "1.5"), (1, "2.5")]
    second = TextLines(None, carried_over(first.state))
    assert found(second, log(3), log(4))["loss"] == [(2, "3.5"), (3, "4.5")]


def test_the_count_of_stepless_values_continues_in_later_attempts() -> None:
    first = TextLines()
    found(first, "loss 3\nloss 2\n")
    second = TextLines(None, carried_over(first.state))
    assert found(second, "loss 1\n") == {"loss": [(2, "1.0")]}


def test_a_training_that_begins_again_has_the_same_steps() -> None:
    log = "".join(f"step {at} loss {at}.5\n" for at in range(9))
    first = TextLines()
    found(first, log[: len(log) // 2])
    second = TextLines(None, carried_over(first.state))
    assert found(second, log)["loss"] == [(at, f"{at}.5") for at in range(9)]


def test_an_unconvertible_number_costs_no_other_line() -> None:
    address = "listening on 127.0.0.1 [42]\n"
    log = "epoch 1 loss 0.3\nepoch 2 loss 0.2\n"
    huge = f"INFO  Train:  {'9' * 400}/80 (  3%) [  10/100 ( 10%)]  Loss: 2.5 (2.7)\n"
    for line in (address, huge):
        assert found(TextLines(), line + log)["loss"] == [(1, "0.3"), (2, "0.2")]
    assert found(TextLines(is_named=True), address) == {}


def test_trainings_in_turn_keep_their_names_in_the_next_attempt() -> None:
    def log(rate: str) -> str:
        return f"=== lr={rate} ===\nepoch 1 loss {rate}\nepoch 2 loss {rate}\n"

    first = TextLines()
    assert {*found(first, log("0.1") + log("0.2"))} == {"loss", "lr=0.2/loss"}
    for again in ("0.1", "0.2"):
        second = TextLines(None, carried_over(first.state))
        name = "loss" if again == "0.1" else f"lr={again}/loss"
        assert found(second, log(again)) == {name: [(1, again), (2, again)]}


def test_one_line_is_enough_after_an_attempt_that_was_read() -> None:
    """A resumed training may have one epoch left; an attempt between may have printed nothing."""
    first, alone = TextLines(), TextLines()
    found(first, "epoch 1 loss 0.3\nepoch 2 loss 0.2\n")
    assert found(alone, "epoch 3 loss 0.1\n") == {}
    silent = TextLines(None, carried_over(first.state))
    assert found(silent, "no space left on device\n") == {}
    last = TextLines(None, carried_over(silent.state))
    assert found(last, "epoch 3 loss 0.1\n")["loss"] == [(3, "0.1")]


def test_bars_after_a_long_one_continue_and_short_ones_count() -> None:
    both = found(TextLines(is_named=True), *long_bar(1), *long_bar(1), "\n")["loss"]
    assert len({step for step, _ in both}) == len(both)
    assert both[-1] == (7200, "360.0")
    short = [line for line in long_bar(1) if "[0:0" in line]
    assert found(TextLines(is_named=True), *short, *short)["loss"] == [
        (0, "58.0"),
        (1, "58.0"),
    ]


def test_binary_data_between_lines_is_not_parsed() -> None:
    data = random.Random(7).randbytes(1 << 17)
    parsed = grammar.parse.cache_info().misses
    decoded = TextLines().decode(b"step 1 loss 0.5\n" + data + b"\nstep 2 loss 0.4\n", 0)
    assert decoded.series["loss"].values.tolist() == [0.5, 0.4]
    assert grammar.parse.cache_info().misses - parsed < 150  # of 1,000 lines


def test_lines_of_base64_and_hexadecimal_data_are_not_parsed() -> None:
    data = random.Random(7).randbytes(1 << 15)
    encoded = base64.encodebytes(data) + b"\n".join(
        data[i : i + 32].hex().encode() for i in range(0, 4096, 32)
    )
    parsed = grammar.parse.cache_info().misses
    decoded = TextLines().decode(b"step 1 loss 0.5\n" + encoded + b"\nstep 2 loss 0.4\n", 0)
    assert decoded.series["loss"].values.tolist() == [0.5, 0.4]
    assert grammar.parse.cache_info().misses - parsed < 10  # of 700 lines


def check_example(example: str) -> None:
    """Check that an example's lines give its series, which are written as `=> loss: 1 0.5, ...`."""
    lines = example.splitlines()
    text = "\n".join(line for line in lines if not line.startswith("=> "))
    series: dict[str, list[tuple[float, float]]] = {}
    for line in lines:
        if line.startswith("=> "):
            name, _colon, points = line.removeprefix("=> ").rpartition(": ")
            pairs = (point.split() for point in points.split(", "))
            series[name] = [(float(step), float(value)) for step, value in pairs]
    text = text.replace("\\r", "\r").replace("\\x1b", "\x1b")
    assert found(TextLines(), f"{text}\n") == wanted(Sample("", text, series)), example


def test_examples_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    examples = re.findall(r"```text printed\n(.*?)```", page, re.DOTALL)
    assert len(examples) >= 10
    for example in examples:
        check_example(example)


LOGS = Path(__file__).with_name("printed.txt").read_text(encoding="utf-8").split("#### ")[1:]


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.partition("\n")[0])
def test_whole_logs_of_trainers_and_loops(log: str) -> None:
    check_example(log.partition("\n")[2])
